"""Advice while somebody stands before the camera."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.session.guidance import NO_ADVICE, SETTLE_S, Advice, Guidance, View, advise

GOOD = View(faces=1, width=0.15, light=0.5, shift=0.0)


def see(*views: View, every: float = 0.2) -> list[Guidance | None]:
    advice, given_ = NO_ADVICE, []
    for place, view in enumerate(views):
        advice = advise(advice, view, 5.0 + place * every)
        given_.append(advice.given)
    return given_


@pytest.mark.parametrize(
    ("view", "guidance"),
    [
        (View(faces=0), Guidance.LOOK_HERE),
        (View(faces=2, width=0.15), Guidance.ONE_MORE_PERSON),
        (View(faces=1, width=0.03), Guidance.CLOSER),
        (View(faces=1, width=0.5), Guidance.FURTHER),
        (View(faces=1, width=0.15, light=0.05), Guidance.TURN_TO_LIGHT),
        (View(faces=1, width=0.15, shift=0.4), Guidance.HOLD_STILL),
        (GOOD, Guidance.GOOD),
    ],
)
def test_what_stays_due_is_said(view, guidance):
    assert see(*[view] * 6)[-1] is guidance


def test_nothing_is_said_at_first_sight():
    assert see(*[GOOD] * 4) == [None] * 4


def test_what_comes_and_goes_is_not_said():
    closer = View(faces=1, width=0.03)
    assert set(see(*[GOOD] * 6, *[closer, GOOD] * 10)[6:]) == {Guidance.GOOD}


def test_a_width_at_the_limit_does_not_flicker():
    wobble = [View(faces=1, width=0.044), View(faces=1, width=0.050)]
    after = see(*[wobble[0]] * 6, *[w for w in reversed(wobble) for _ in range(6)] * 5)[6:]
    assert set(after) == {Guidance.CLOSER}


@pytest.mark.red_line(5)
@pytest.mark.parametrize("width", [0.047, 0.12, 0.29])
def test_a_face_at_the_kiosks_distances_is_good(width):
    assert see(*[View(faces=1, width=width, light=0.5)] * 6)[-1] is Guidance.GOOD


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.floats(0.01, 1.0),
            st.builds(
                View, faces=st.integers(0, 3), width=st.floats(0, 1), light=st.floats(0, 1), shift=st.floats(0, 1)
            ),
        ),
        max_size=40,
    )
)
def test_what_is_said_never_changes_faster_than_it_can_be_heard(steps):
    advice, at, changed = Advice(), 0.0, 0.0
    for gap, view in steps:
        at += gap
        after = advise(advice, view, at)
        if after.given is not advice.given:
            assert at - changed >= SETTLE_S - 1e-9
            changed = at
        advice = after
