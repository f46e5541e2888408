"""The board between two threads: the latest of everything, and nothing else."""

from __future__ import annotations

import gc
import threading

import pytest

from edge_agent.screen.board import Board, Kind, Picture

ONE, OTHER = Picture(Kind.MIRROR, b"one"), Picture(Kind.MIRROR, b"other")


def test_a_scene_its_light_and_the_ring_are_numbered_each_for_itself():
    board = Board(told=lambda: None, seen=lambda: None)
    for scene, lit, ring in [(b"scene", 1, 0.0), (b"scene", 2, 0.0), (b"scene", 1, 0.4), (b"another", 1, 0.4)]:
        board.show(scene, lit, ring)
    shown = board.shown
    assert (shown.scene, shown.lit, shown.ring) == (b"another", 1, 0.4)
    assert (shown.scene_number, shown.lit_number, shown.ring_number) == (2, 3, 1)


def test_a_picture_is_replaced_and_taken_away_and_each_time_it_has_another_number():
    board, numbers = Board(told=lambda: None, seen=lambda: None), []
    for picture in (ONE, OTHER, None, None, ONE):
        board.see(picture)
        numbers.append(board.shown.picture_number)
    assert numbers == [1, 2, 3, 3, 4]


@pytest.mark.red_line(7)
def test_what_is_taken_away_is_not_kept():
    board = Board(told=lambda: None, seen=lambda: None)
    board.see(ONE)
    board.see(None)
    assert board.shown.picture is None
    assert not [holder for holder in gc.get_referrers(ONE) if holder is not globals()]


def test_a_picture_in_a_log_shows_no_pixels():
    assert "one" not in repr(ONE)


def test_every_change_wakes_and_many_threads_lose_none():
    woken = []
    board = Board(told=lambda: woken.append(board.shown), seen=lambda: None)
    threads = [
        threading.Thread(target=lambda n=n: [board.show(b"%d %d" % (n, i), 0, 0.0) for i in range(200)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(woken) == board.shown.scene_number == 800
