"""What a button's edges mean."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.errors import SettingsError
from edge_agent.session.gestures import Freed, Gesture, Gestures, Hold, HoldAbandoned, HoldProgress, Press, Stuck
from edge_agent.session.pace import Pace

PACE = Pace(hold_s=2.0, silence_s=60, warning_s=30, code_shown_s=120, notice_shown_s=8)


def play(edges: list[tuple[float, bool]], until: float, *, ticking: bool = True) -> list[Gesture]:
    """Play edges, and call back at every deadline between them, as the kiosk does."""
    button, gestures = Gestures(PACE), []
    for at, down in [*edges, (until, None)]:
        while ticking and (due := button.deadline()) is not None and due <= at:
            gestures.extend(button.tick(due))
        gestures.extend(button.tick(at) if down is None else button.edge(at, down=down))
    return gestures


def without_ring(gestures: list[Gesture]) -> list[Gesture]:
    return [gesture for gesture in gestures if not isinstance(gesture, HoldProgress)]


def test_down_and_up_is_a_press():
    assert play([(1.0, True), (1.2, False)], 5.0) == [Press(began=1.0, at=1.2)]


def test_a_press_never_shows_a_ring():
    assert not [g for g in play([(1.0, True), (1.99, False)], 5.0) if isinstance(g, HoldProgress)]


def test_a_hold_counts_while_the_button_is_still_down():
    button = Gestures(PACE)
    button.edge(1.0, down=True)
    assert button.tick(3.0) == (Hold(began=1.0, at=3.0),)


def test_letting_go_after_a_hold_means_nothing_more():
    assert without_ring(play([(1.0, True), (4.0, False)], 9.0)) == [Hold(began=1.0, at=3.0)]


def test_a_hold_says_for_how_long_it_was_held_when_it_counted():
    assert Hold(began=1.0, at=3.0).held_ms == 2000


def test_letting_go_early_chooses_nothing():
    assert without_ring(play([(1.0, True), (2.5, False)], 9.0)) == [HoldAbandoned(began=1.0, at=2.5)]


def test_the_ring_fills_from_nothing_to_the_hold():
    gestures = play([(1.0, True)], 3.0)
    fractions = [g.fraction for g in gestures if isinstance(g, HoldProgress)]
    assert fractions[0] == 0.0
    assert fractions == sorted(fractions)
    assert 0.9 < fractions[-1] < 1.0
    assert gestures[-1] == Hold(began=1.0, at=3.0)


def test_a_chattering_contact_is_one_press():
    chatter = [(1.0, True), (1.004, False), (1.009, True), (1.3, False), (1.31, True), (1.312, False)]
    assert play(chatter, 5.0) == [Press(began=1.009, at=1.312)]


def test_a_contact_that_only_chatters_has_not_moved():
    assert play([(1.0, True), (1.02, False)], 5.0) == []


def test_a_chatter_in_the_middle_does_not_end_a_hold():
    assert without_ring(play([(1.0, True), (2.0, False), (2.01, True), (4.0, False)], 9.0)) == [Hold(began=1.0, at=3.0)]


def test_a_hold_does_not_count_while_the_contact_may_have_opened():
    assert without_ring(play([(1.0, True), (2.99, False)], 9.0)) == [HoldAbandoned(began=1.0, at=2.99)]


def test_a_button_that_stays_down_is_stuck_and_comes_free():
    assert without_ring(play([(1.0, True), (20.0, False)], 30.0)) == [
        Hold(began=1.0, at=3.0),
        Stuck(began=1.0, at=11.0),
        Freed(began=1.0, at=20.0),
    ]


def test_after_a_lost_edge_the_hold_begins_anew():
    gestures = play([(1.0, True), (2.5, True)], 4.6)
    assert without_ring(gestures) == [HoldAbandoned(began=1.0, at=2.5), Hold(began=2.5, at=4.5)]


def test_a_hold_with_a_lost_edge_in_it_has_not_chosen_anything_afterwards():
    assert without_ring(play([(1.0, True), (3.5, True), (3.7, False)], 9.0, ticking=False)) == [
        Press(began=3.5, at=3.7)
    ]


def test_a_stuck_button_that_goes_down_again_had_come_free():
    gestures = without_ring(play([(1.0, True), (15.0, True), (15.2, False)], 20.0))
    assert gestures[-2:] == [Freed(began=1.0, at=15.0), Press(began=15.0, at=15.2)]


def test_a_lost_press_is_only_lost():
    assert play([(1.0, False), (2.0, False), (3.0, True), (3.2, False)], 9.0) == [Press(began=3.0, at=3.2)]


def test_nothing_is_awaited_while_the_button_is_up():
    assert Gestures(PACE).deadline() is None


def test_a_hold_counts_even_when_nobody_looked_in_time():
    assert play([(1.0, True), (5.0, False)], 9.0, ticking=False) == [Hold(began=1.0, at=3.0)]


def test_a_clock_that_goes_back_is_taken_for_the_latest_seen():
    button = Gestures(PACE)
    button.edge(5.0, down=True)
    assert button.tick(1.0) == ()
    button.edge(4.0, down=False)
    assert button.tick(5.1) == ()
    assert button.deadline() is None


trains = st.lists(
    st.tuples(st.floats(0.001, 12.0, allow_nan=False), st.booleans()),
    max_size=14,
).map(lambda steps: [(sum(s[0] for s in steps[: i + 1]), down) for i, (_, down) in enumerate(steps)])


@settings(deadline=None, max_examples=200)
@given(trains)
def test_each_time_the_button_goes_down_gives_at_most_one_gesture(edges):
    chosen = [g.began for g in play(edges, 200.0) if isinstance(g, Press | Hold | HoldAbandoned)]
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= {at for at, down in edges if down}


@settings(deadline=None, max_examples=200)
@given(trains)
def test_a_gesture_is_never_longer_or_shorter_than_its_name(edges):
    for gesture in play(edges, 200.0):
        held = gesture.at - gesture.began
        match gesture:
            case Press():
                assert held < PACE.press_s + 1e-9
            case Hold():
                assert held == pytest.approx(PACE.hold_s)
            case HoldProgress():
                assert 0.0 <= gesture.fraction <= 1.0
            case HoldAbandoned() | Stuck() | Freed():
                assert held >= PACE.press_s - 1e-9


@settings(deadline=None, max_examples=200)
@given(trains)
def test_the_ring_always_ends_in_a_hold_or_empties(edges):
    filling = None
    for gesture in play(edges, 200.0):
        match gesture:
            case HoldProgress():
                filling = gesture.began
            case Hold() | HoldAbandoned():
                assert filling in {None, gesture.began}
                filling = None
            case Press():
                assert filling is None


@settings(deadline=None, max_examples=200)
@given(trains, st.lists(st.floats(0, 200, allow_nan=False), max_size=10))
def test_what_is_chosen_does_not_hang_on_when_somebody_looks(edges, looks):
    edges = [edge for i, edge in enumerate(edges) if edge[1] != (edges[i - 1][1] if i else False)]  # none lost
    button, seen = Gestures(PACE), []
    for at, down in sorted([*edges, *((look, None) for look in looks), (200.0, None)], key=lambda one: one[0]):
        seen.extend(button.tick(at) if down is None else button.edge(at, down=down))
    assert without_ring(seen) == without_ring(play(edges, 200.0))


@settings(deadline=None, max_examples=100)
@given(trains)
def test_deadlines_always_come_to_an_end(edges):
    button = Gestures(PACE)
    for at, down in edges:
        button.edge(at, down=down)
    for _ in range(60):
        due = button.deadline()
        if due is None:
            return
        button.tick(due)
    pytest.fail("it asks to be called back for ever")


@pytest.mark.parametrize("hold_s", [0.0, -1.0, 0.05, 10.0, float("nan")])
def test_a_hold_that_cannot_be_told_from_other_things_is_refused(hold_s):
    with pytest.raises(SettingsError) as error:
        Pace(hold_s=hold_s, silence_s=60, warning_s=30, code_shown_s=120, notice_shown_s=8)
    assert "hold" in error.value.explain()
    assert error.value.next_step
