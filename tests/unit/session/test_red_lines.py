"""The red lines, held over any order of events.

Hypothesis plays any events at any time against a witness that writes down only what a person could see and do: which
question was on the screen when they held the button.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge_agent.session import flow
from edge_agent.session.commands import (
    Capture,
    Crop,
    DropPixels,
    Seal,
    Show,
    StartCamera,
    StopCamera,
    TakeBack,
)
from edge_agent.session.consent import Party, Purpose, Question, Who
from edge_agent.session.events import (
    Blocked,
    CameraFailed,
    Captured,
    CaptureFailed,
    Event,
    FacesSeen,
    Said,
    Sealed,
    SealFailed,
    TakeBackFailed,
    TakenBack,
    Tick,
    Unblocked,
)
from edge_agent.session.gestures import Freed, Hold, HoldAbandoned, HoldProgress, Press, Stuck
from edge_agent.session.guidance import View
from edge_agent.session.scene import Act, Language, Scene
from edge_agent.session.table import HOLDING, SEEING, Stage
from tests.unit.session.player import PACE, PLAN, assert_as_new, stopped

pytestmark = [pytest.mark.red_line(number) for number in (1, 2, 3, 14)]

ADULT = {
    Who.CHILD_WITH_PARENT: Party.PARENT,
    Who.CHILD_WITH_GUARDIAN: Party.GUARDIAN,
    Who.CHILD_WITH_STAFF: Party.STAFF,
}


class Witness:
    """Somebody who watches the screen, the button and the camera, and knows nothing of how the session works."""

    def __init__(self) -> None:
        self.camera = self.pixels = False
        self.seals = 0
        self.scene: Scene | None = None
        self.blocked = False
        self.nobody_yet()

    def nobody_yet(self) -> None:
        self.who: Who | None = None
        self.heard: dict[Question, bool] = {}
        self.sent = self.over = self.back = False
        self.seals = 0

    @property
    def everybody_agreed(self) -> bool:
        if self.who is None or self.over:
            return False
        parties = [Party.SUBJECT, *([ADULT[self.who]] if self.who in ADULT else [])]
        return all(self.heard.get(Question(purpose=Purpose.TRACING, party=party)) for party in parties)

    def sees_held(self) -> None:
        """Somebody holds the button for the whole time, in the scene that is there."""
        assert self.scene is not None
        match self.scene.lit_choice:
            case Who() as who:
                self.who = who
            case Act.YES | Act.NO as said:
                assert self.scene.question is not None
                assert self.scene.question not in self.heard
                self.heard[self.scene.question] = said is Act.YES
                if said is Act.NO and self.scene.question.purpose is Purpose.TRACING:
                    self.over = True
            case Act.STOP:
                self.over = True
            case Act.SEND:
                self.sent = True
            case Act.TAKE_BACK:
                self.back = True

    def sees(self, commands: tuple) -> None:
        for command in commands:
            match command:
                case StartCamera():
                    assert self.everybody_agreed, "red line 1: the camera starts after consent"
                    assert not self.blocked, "red line 14: what is in the way is said first"
                    self.camera = True
                case StopCamera():
                    self.camera = False
                case Capture():
                    assert self.camera, "red line 1: a picture is taken with the shutter open"
                    assert self.everybody_agreed
                    self.pixels = True
                case Crop():
                    assert self.pixels
                    assert self.everybody_agreed
                case DropPixels():
                    self.pixels = False
                case Seal(consent=consent):
                    self.seals += 1
                    assert self.everybody_agreed, "red line 2: nothing is sealed after a no, a stop or a time-out"
                    assert self.sent, "somebody has seen the picture and sent it"
                    assert self.seals == 1, "one session, one report"
                    assert not self.camera
                    assert {a.question: a.agreed for a in consent.answers} == self.heard, "red line 3: as it was said"
                case TakeBack():
                    assert self.seals == 1, "only what was sent is taken back"
                    assert self.back, "and only when somebody asks for it"
                case Show(scene=scene):
                    self.sees_scene(scene)

    def sees_scene(self, scene: Scene) -> None:
        self.scene = scene
        assert not scene.camera_on or scene.stage in SEEING, "the shutter is drawn shut"
        if scene.question is not None:
            assert not self.blocked, "red line 14: nobody is asked when it is in vain"
        if scene.stage in {Stage.TAKEN_BACK, Stage.NOTHING_KEPT, Stage.CANNOT}:
            self.over = True
            assert not self.pixels, "red line 2: nothing is kept"
            assert not self.camera
            assert not scene.receipt_code
        assert scene.stage is not Stage.TAKEN_BACK or self.back
        if scene.stage is Stage.REST:
            assert not self.pixels
            assert not self.camera
            self.nobody_yet()


class AnySession(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.witness = Witness()
        self.state, commands = flow.begin(PLAN, self.now)
        self.witness.sees(commands)

    def happens(self, event: Event) -> None:
        self.now = max(self.now, event.at)
        self.state, commands = flow.step(self.state, event)
        self.witness.sees(commands)

    @rule(times=st.integers(1, 3))
    def press(self, times):
        for _ in range(times):
            self.now += 0.5
            self.happens(Press(began=self.now - 0.1, at=self.now))

    @rule(late=st.booleans())
    def hold(self, late):
        """Hold the button; `late`: it went down in the scene before."""
        if late:
            self.happens(Hold(began=self.state.entered - 0.1, at=self.now))
            return
        self.now += 2.0
        if self.state.stage is not Stage.REST and not self.state.warning:
            self.witness.sees_held()
        self.happens(Hold(began=self.now - PACE.hold_s, at=self.now))

    @rule(data=st.data())
    def choose(self, data):
        """Go to a choice and hold, as somebody does who knows what they want."""
        if self.state.scene.choices and not self.state.warning:
            for _ in range(data.draw(st.integers(0, len(self.state.scene.choices) - 1))):
                self.press(1)
            self.hold(late=False)

    @rule(times=st.integers(1, 8))
    def agree(self, times):
        """Go on to what leads further, so that the deep stages are met often."""
        wanted = {Act.YES, Act.TAKE, Act.SEND, Act.OVAL, Act.TAKE_BACK, *Who, *map(Language, PLAN.languages)}
        for _ in range(times):
            if self.state.stage is Stage.REST:
                self.press(1)
            ahead = [place for place, choice in enumerate(self.state.scene.choices) if choice in wanted]
            if ahead and not self.state.warning:
                while self.state.lit != ahead[0]:
                    self.press(1)
                self.hold(late=False)

    @rule(fraction=st.floats(0, 1))
    def fill_the_ring(self, fraction):
        self.happens(HoldProgress(began=self.now, at=self.now + 0.1, fraction=fraction))

    @rule()
    def let_go_early(self):
        self.happens(HoldAbandoned(began=self.now, at=self.now + 1))

    @rule(kind=st.sampled_from([Stuck, Freed]))
    def lean_on_the_button(self, kind):
        self.happens(kind(began=self.now, at=self.now + 10))

    @rule(seconds=st.sampled_from([0.0, 1.0, 8.0, 30.0, 60.0, 1000.0]))
    def wait(self, seconds):
        self.happens(Tick(at=self.now + seconds))

    @rule(faces=st.integers(0, 2), seconds=st.floats(0, 1))
    def be_seen(self, faces, seconds):
        self.happens(FacesSeen(at=self.now + seconds, view=View(faces=faces, width=0.1)))

    @rule(faces=st.integers(0, 3), behind=st.integers(0, 2))
    def captured(self, faces, behind):
        self.happens(Captured(at=self.now, ticket=self.state.tickets - behind, faces=faces))

    @rule(behind=st.integers(0, 2))
    def capture_fails(self, behind):
        self.happens(CaptureFailed(at=self.now, ticket=self.state.tickets - behind, code="camera"))

    @rule(behind=st.integers(0, 2))
    def sealed(self, behind):
        self.happens(Sealed(at=self.now, ticket=self.state.tickets - behind, receipt_code="ABC-DEF-GH1"))

    @rule(behind=st.integers(0, 2))
    def seal_fails(self, behind):
        self.happens(SealFailed(at=self.now, ticket=self.state.tickets - behind, code="outbox"))

    @rule(behind=st.integers(0, 2))
    def taken_back(self, behind):
        self.happens(TakenBack(at=self.now, ticket=self.state.tickets - behind))

    @rule(behind=st.integers(0, 2))
    def taking_back_fails(self, behind):
        self.happens(TakeBackFailed(at=self.now, ticket=self.state.tickets - behind, code="outbox"))

    @rule(seconds=st.floats(0, 100))
    def the_voice_ends(self, seconds):
        self.happens(Said(at=self.now + seconds))

    @rule()
    def camera_fails(self):
        self.happens(CameraFailed(at=self.now, code="camera"))

    @rule(code=st.sampled_from(["outbox-full", "disabled"]))
    def blocked(self, code):
        self.witness.blocked = True
        self.happens(Blocked(at=self.now, code=code))

    @rule()
    def unblocked(self):
        self.witness.blocked = False
        self.happens(Unblocked(at=self.now))

    @invariant()
    def camera_and_pixels_are_only_where_they_may_be(self):
        assert not self.witness.camera or self.state.stage in SEEING
        assert not self.witness.pixels or self.state.stage in HOLDING
        assert self.witness.camera == self.state.camera_on
        assert not self.witness.camera or self.witness.everybody_agreed

    @invariant()
    def rest_remembers_nobody(self):
        if self.state.stage is Stage.REST:
            assert_as_new(self.state)

    @invariant()
    def silence_leads_to_rest(self):
        state, moments = self.state, 0
        while (due := flow.deadline(state)) is not None:
            state, commands = flow.step(state, Tick(at=due))
            assert not any(isinstance(command, StartCamera | Capture | Seal) for command in commands)
            moments += 1
            assert moments <= 3, "a warning, an ending, rest"
        assert_as_new(state)

    @invariant()
    def stopping_leads_to_rest(self):
        assert_as_new(stopped(self.state, self.now))


AnySession.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
test_any_session_keeps_the_red_lines = pytest.mark.red_line(1)(AnySession.TestCase)
