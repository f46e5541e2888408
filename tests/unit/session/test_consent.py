"""Who is asked what, and what counts as a yes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.session.consent import Answer, Consent, Party, Purpose, Question, Who

ALL = tuple(Purpose)


def ask(who: Who, *answers: bool, purposes: tuple[Purpose, ...] = ALL) -> Consent:
    consent = Consent(language="en", who=who, purposes=purposes)
    for place, agreed in enumerate(answers):
        consent = consent.answered(agreed=agreed, held_ms=1200, at=10.0 + place)
    return consent


def test_an_adult_answers_each_purpose_alone():
    consent = ask(Who.SELF_ADULT)
    asked = []
    while consent.question:
        asked.append(consent.question)
        consent = consent.answered(agreed=True, held_ms=1200, at=1.0)
    assert asked == [Question(purpose=purpose, party=Party.SUBJECT) for purpose in Purpose]
    assert consent.given


def test_an_answer_keeps_who_gave_it_how_and_when():
    question = Question(purpose=Purpose.TRACING, party=Party.SUBJECT)
    assert ask(Who.SELF_ADULT, True).answers == (
        Answer(question=question, agreed=True, held_ms=1200, at=10.0, method="button-hold"),
    )


@pytest.mark.red_line(3)
@pytest.mark.parametrize(
    ("who", "adult"),
    [
        (Who.CHILD_WITH_PARENT, Party.PARENT),
        (Who.CHILD_WITH_GUARDIAN, Party.GUARDIAN),
        (Who.CHILD_WITH_STAFF, Party.STAFF),
    ],
)
def test_a_child_is_asked_first_and_the_adult_beside_is_asked_too(who, adult):
    childs = ask(who, True, True, True)
    assert not childs.given
    assert childs.question == Question(purpose=Purpose.TRACING, party=adult)
    both = ask(who, True, True, True, True, True, True)
    assert both.given
    assert {answer.question.party for answer in both.answers} == {Party.SUBJECT, adult}


@pytest.mark.red_line(3)
def test_an_adults_no_to_tracing_ends_it_though_the_child_said_yes():
    consent = ask(Who.CHILD_WITH_STAFF, True, True, True, False)
    assert consent.refused
    assert consent.question is None
    assert not consent.given


def test_a_childs_no_to_tracing_is_put_to_nobody_else():
    consent = ask(Who.CHILD_WITH_PARENT, False)
    assert consent.refused
    assert consent.question is None


def test_an_adult_is_not_asked_for_what_the_child_has_refused():
    consent = ask(Who.CHILD_WITH_PARENT, True, False, True)
    assert consent.question == Question(purpose=Purpose.TRACING, party=Party.PARENT)
    consent = consent.answered(agreed=True, held_ms=1200, at=1.0)
    assert consent.question == Question(purpose=Purpose.PUBLIC_APPEAL, party=Party.PARENT)


@pytest.mark.red_line(9)
def test_a_yes_to_tracing_is_not_a_yes_to_a_public_appeal():
    consent = ask(Who.SELF_ADULT, True, False, False)
    assert consent.given
    assert not consent.allows(Purpose.PARTNERS)
    assert not consent.allows(Purpose.PUBLIC_APPEAL)


@pytest.mark.red_line(9)
def test_what_was_not_asked_is_a_no():
    consent = ask(Who.SELF_ADULT, True, purposes=(Purpose.TRACING,))
    assert consent.given
    assert not consent.allows(Purpose.PUBLIC_APPEAL)


def test_what_is_not_answered_yet_is_a_no():
    assert not ask(Who.SELF_ADULT).allows(Purpose.TRACING)
    assert not ask(Who.SELF_ADULT, True).given


def test_nothing_is_answered_when_nothing_is_asked():
    with pytest.raises(AssertionError):
        ask(Who.SELF_ADULT, False, True)


@pytest.mark.red_line(3)
@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(Who),
    st.sampled_from([ALL, ALL[:1], ALL[:2]]),
    st.lists(st.booleans(), max_size=7),
)
def test_consent_is_given_only_when_everybody_said_yes_to_tracing_and_all_was_asked(who, purposes, answers):
    consent = Consent(language="en", who=who, purposes=purposes)
    heard: dict[Question, bool] = {}
    for agreed in answers:
        if consent.question is None:
            break
        assert consent.question not in heard, "nobody is asked twice"
        heard[consent.question] = agreed
        consent = consent.answered(agreed=agreed, held_ms=1200, at=1.0)
    yes = {
        purpose: all(heard.get(Question(purpose=purpose, party=party), False) for party in who.parties)
        for purpose in purposes
    }
    assert {purpose: consent.allows(purpose) for purpose in purposes} == yes
    assert consent.given == (yes[Purpose.TRACING] and consent.question is None)
    assert consent.refused == any(q.purpose is Purpose.TRACING and not agreed for q, agreed in heard.items())
