"""What every scene has in common: what a press does, what a hold does, and what neither can do."""

from __future__ import annotations

import pytest

from edge_agent.session.commands import Show
from edge_agent.session.events import Captured
from edge_agent.session.gestures import Freed, Hold, HoldProgress, Press, Stuck
from edge_agent.session.scene import Act, Say
from edge_agent.session.table import Cause, Stage
from tests.unit.session.player import AWAKE, ON_THE_WAY, PACE, Player


@pytest.mark.red_line(13)
@pytest.mark.parametrize("stage", AWAKE)
def test_presses_light_every_choice_in_turn_and_come_around(stage):
    person = Player().to(stage)
    lit = []
    for _ in person.scene.choices:
        lit.append(person.scene.lit_choice)
        person.press()
        assert person.said is Say.CHOICE
    assert tuple(lit) == person.scene.choices
    assert person.scene.lit == 0


@pytest.mark.red_line(13)
@pytest.mark.parametrize("stage", AWAKE)
def test_every_scene_can_be_heard_again(stage):
    person = Player().to(stage).choose(Act.AGAIN)
    assert person.stage is stage
    assert person.scene.lit == 0
    assert person.said is Say.SCENE


@pytest.mark.red_line(1)
@pytest.mark.parametrize("stage", ON_THE_WAY)
def test_every_scene_on_the_way_can_be_stopped(stage):
    person = Player().to(stage).choose(Act.STOP)
    assert person.stage is Stage.NOTHING_KEPT
    assert person.scene.ending is Cause.STOPPED


@pytest.mark.red_line(1)
@pytest.mark.parametrize("stage", [Stage.CONSENT, Stage.PERMISSION])
def test_saying_no_is_easier_than_saying_yes(stage):
    choices = Player().to(stage).scene.choices
    assert choices[0] is Act.NO
    assert choices.index(Act.YES) == 1


@pytest.mark.red_line(3)
def test_an_unmeant_hold_says_nothing_about_who_somebody_is(person):
    person.to(Stage.WHO).hold()
    assert person.stage is Stage.WHO
    assert person.state.consent is None


@pytest.mark.parametrize("wakes", ["press", "hold", "let_go_early"])
def test_any_gesture_wakes(person, wakes):
    getattr(person, wakes)()
    assert person.stage is Stage.LANGUAGE


def test_a_ring_at_rest_wakes_nobody_yet(person):
    assert person.fill_the_ring(0.5).last == ()


def test_the_ring_is_shown_while_it_fills(person):
    person.to(Stage.CONSENT).fill_the_ring(0.4)
    assert person.last == (Show(scene=person.last[0].scene, say=Say.NOTHING),)
    assert person.last[0].scene.hold == 0.4


def test_letting_go_early_chooses_nothing_and_blames_nobody(person):
    person.to(Stage.CONSENT).press().let_go_early()
    assert person.said is Say.NOTHING_CHOSEN
    assert person.scene.lit_choice is Act.YES
    assert person.last[0].scene.hold == 0.0


@pytest.mark.red_line(1)
def test_a_hold_that_began_in_the_scene_before_sends_nothing(person):
    person.to(Stage.FRAMING).choose(Act.TAKE)
    down = person.now + 0.1
    person.happens(Captured(at=down + 0.5, ticket=1, faces=1))
    assert person.scene.lit_choice is Act.SEND
    person.happens(HoldProgress(began=down, at=down + 0.7, fraction=0.3))
    assert person.last[0].scene.hold == 0.0
    person.happens(Hold(began=down, at=down + PACE.hold_s))
    assert person.stage is Stage.REVIEW
    assert person.said is Say.NOTHING_CHOSEN


def test_a_press_that_began_in_the_scene_before_moves_nothing(person):
    person.to(Stage.CONSENT)
    person.happens(Press(began=person.now - 0.2, at=person.now + 0.1))
    assert person.scene.lit == 0


def test_a_button_that_stays_down_is_told_so_and_decides_nothing(person):
    person.to(Stage.CONSENT)
    before = person.stage, person.state.lit, person.state.quiet_since
    person.happens(Stuck(began=person.now, at=person.now + 10))
    assert person.said is Say.LET_GO
    person.happens(Freed(began=person.now, at=person.now + 15))
    assert person.last == ()
    assert (person.stage, person.state.lit, person.state.quiet_since) == before


def test_a_button_stuck_at_rest_says_nothing(person):
    assert person.happens(Stuck(began=100.0, at=110.0)).last == ()
