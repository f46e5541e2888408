"""The kiosk's program with real parts inside (detector, sealing, outbox) and a simulated person before it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from edge_agent import config
from edge_agent.errors import CameraError
from edge_agent.hardware.clock import SystemClock
from edge_agent.hardware.simulated import PhotographCamera, Script, SimulatedPerson, Step
from edge_agent.outbox import Limits, Outbox
from edge_agent.ports import Edge
from edge_agent.session import notice
from edge_agent.session.table import Stage
from edge_agent.trust import TrustFile
from edge_agent.wire import status, withdrawal
from edge_agent.wire.consent import Notice, Purpose, Role, Status, Subject
from edge_agent.wire.orders import NoticeWords, OrderedNotice
from edge_agent.wire.topics import Channel
from tests.unit.device.world import ROOMY, Witness, World

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_agent.ports import Frame

BLACK = -1.0  # in a model's input

ADULT = [
    ("rest", ()),
    ("language", ("en",)),
    ("who", ("self_adult",)),
    ("consent", ("yes",)),
    ("consent", ("yes",)),
    ("consent", ("no",)),
    ("framing", ("take",)),
    ("choosing", ("face-1", "stop")),
    ("review", ("send",)),
    ("done", ("finish",)),
]


class FailingCamera(PhotographCamera):
    """Gives `frames` frames in all, then none."""

    frames = 3

    def capture(self, timeout: float) -> Frame:
        if self.frames == 0:
            raise CameraError("no frame came")
        self.frames -= 1
        return super().capture(timeout)


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    path = tmp_path / "nobody.png"
    ramp = np.linspace(40, 200, 640, dtype=np.uint8)
    Image.fromarray(np.stack([np.tile(ramp, (480, 1))] * 3, axis=-1)).save(path)
    return path


def with_answers(*answers: str, who: str = "self_adult") -> list[tuple[str, tuple[str, ...]]]:
    stages = ["consent"] * 3 + ["permission"] * (len(answers) - 3)
    asked = [(stage, (answer,)) for stage, answer in zip(stages, answers, strict=False)]
    return [("rest", ()), ("language", ("ug",)), ("who", (who,)), *asked, *ADULT[6:]]


def test_a_consented_report_is_sealed_with_what_was_answered(world):
    (sealed,) = world.play(ADULT)
    opened = world.open(sealed)
    assert opened.consent.subject is Subject.ADULT
    assert opened.consent.allows(Purpose.TRACING)
    assert opened.consent.allows(Purpose.PARTNERS)
    assert not opened.consent.allows(Purpose.PUBLIC_APPEAL)
    assert opened.consent.language == "en"
    assert opened.site.name == "The demonstration station"
    assert len(opened.faces) == 1
    assert Image.open(__import__("io").BytesIO(opened.faces[0].image)).size == (480, 640)


@pytest.mark.red_line(3)
@pytest.mark.parametrize(
    ("who", "role"),
    [("child_with_parent", Role.PARENT), ("child_with_guardian", Role.GUARDIAN), ("child_with_staff", Role.STAFF)],
)
def test_for_a_child_both_answers_are_in_the_record_each_with_its_role(world, who, role):
    (sealed,) = world.play(with_answers("yes", "yes", "no", "yes", "no", who=who))
    opened = world.open(sealed)
    assert opened.consent.subject is Subject.CHILD
    said = {(answer.by, answer.purpose): answer.status for answer in opened.consent.answers}
    assert said == {
        (Role.DATA_SUBJECT, Purpose.TRACING): Status.GIVEN,
        (Role.DATA_SUBJECT, Purpose.PARTNERS): Status.GIVEN,
        (Role.DATA_SUBJECT, Purpose.PUBLIC_APPEAL): Status.REFUSED,
        (role, Purpose.TRACING): Status.GIVEN,
        (role, Purpose.PARTNERS): Status.REFUSED,
    }
    assert opened.consent.allows(Purpose.TRACING)
    assert not opened.consent.allows(Purpose.PARTNERS), "the adult said no"


@pytest.mark.red_line(2)
@pytest.mark.parametrize(
    "steps",
    [
        with_answers("no"),
        with_answers("yes", "no", "no", "no", who="child_with_parent"),
        [*ADULT[:2], ("who", ("stop",))],
        [*ADULT[:6], ("framing", ("stop",))],
        [*ADULT[:8], ("review", ("stop",))],
    ],
    ids=["a no", "the parent's no", "stop early", "stop while framing", "stop at review"],
)
def test_a_no_and_a_stop_end_alike_with_nothing_in_the_outbox(world, steps):
    assert world.play(steps) == []
    assert world.witness.stages[-2:] == [Stage.NOTHING_KEPT, Stage.REST]


@pytest.mark.red_line(1)
def test_the_camera_runs_in_framing_choosing_and_review_alone(world):
    world.play(ADULT)
    assert world.witness.camera_on == {Stage.FRAMING, Stage.REVIEW}
    assert not world.witness.camera.running


@pytest.mark.red_line(1)
def test_somebody_who_says_no_never_meets_a_running_camera(world):
    world.play(with_answers("no"))
    assert world.witness.camera_on == set()


@pytest.mark.red_line(6)
def test_after_a_session_no_pixel_is_held(world):
    world.play(ADULT)
    assert world.darkroom._frame is None
    assert world.darkroom._portrait is None
    assert all((part.model._input() == BLACK).all() for part in world.darkroom.finder.parts)


def test_a_camera_that_stops_giving_frames_ends_calmly_with_nothing_kept(world):
    steps = [*ADULT[:6]]
    assert world.play(steps, camera=FailingCamera) == []
    assert world.witness.stages[-2:] == [Stage.NOTHING_KEPT, Stage.REST]
    assert not world.witness.camera.running


def test_without_a_face_the_person_may_choose_the_oval(world, nobody):
    steps = [*ADULT[:7], ("choosing", ("oval",)), *ADULT[8:]]
    (sealed,) = world.play(steps, photographs=[nobody])
    assert world.open(sealed).faces[0].landmarks == []


def test_without_a_face_and_without_a_choice_nothing_is_sent(world, nobody):
    assert world.play(ADULT, photographs=[nobody]) == []


@pytest.mark.red_line(14)
def test_a_full_outbox_says_so_before_anyone_is_asked(world):
    def fill(outbox: Outbox) -> None:
        outbox.append(bytes(16), lambda _link: b"\xd2\x84" + bytes(1000))

    queued = world.play(
        [("rest", ())], limits=Limits(max_bytes=50_000_000, max_records=1, keep_free_bytes=0), before=fill
    )
    assert len(queued) == 1
    assert world.witness.stages == [Stage.REST, Stage.CANNOT]
    assert "outbox-full" in world.witness.codes


class Unlucky(SimulatedPerson):
    """Comes to a kiosk that has just found that all is well, at the moment in which its outbox fills."""

    outbox: Outbox | None = None

    def wait(self, timeout: float) -> Sequence[Edge]:
        if self.outbox is not None:
            self.outbox.append(bytes(16), lambda _link: b"\xd2\x84" + bytes(1000))
            self.outbox = None
        return super().wait(timeout)


@pytest.mark.red_line(14)
def test_an_outbox_that_fills_just_before_somebody_presses_the_button_says_so_before_anything_is_asked(world):
    world.hurry(silence_s=1.0, warning_s=1.0)  # who is asked all the same does not answer
    person = Unlucky(Script(step=[Step(stage=Stage.REST, after_s=0.05)]), world.settings.pace)

    def fills_later(outbox: Outbox) -> None:
        person.outbox = outbox

    limits = Limits(max_bytes=50_000_000, max_records=1, keep_free_bytes=0)
    assert len(world.meet(person, person, limits=limits, before=fills_later)) == 1
    assert world.witness.stages == [Stage.REST, Stage.CANNOT]


@pytest.mark.red_line(14)
def test_a_kiosk_whose_photograph_is_none_says_that_it_cannot_take_a_report(world, tmp_path):
    path = tmp_path / "text.jpg"
    path.write_text("not a picture", encoding="utf-8")
    assert world.play([("rest", ())], photographs=[path]) == []
    assert world.witness.stages == [Stage.REST, Stage.CANNOT]
    assert "camera" in world.witness.codes


def test_the_kiosk_leaves_its_signed_word_for_the_courier(world):
    world.play(ADULT)
    registry = world.fleet.registry()
    health = status.trust_health(world.settings.health_file.read_bytes(), registry)
    assert health.kiosk == "kiosk-1"
    assert health.ready
    assert len(health.models) == 2
    assert health.highest_seq in {0, 1}


@pytest.mark.red_line(7)
def test_nothing_a_person_chose_is_said_in_the_events(world, capsys):
    world.play(with_answers("yes", "yes", "no", "yes", "no", who="child_with_staff"))
    said = capsys.readouterr().out
    assert '"sealed"' in said
    for word in ("child", "staff", '"ug"', "yes", "partners", "Nowhere in particular"):
        assert word not in said


# -- A kiosk with too much to do ---------------------------------------------------------------------------------------


class Lagging(SystemClock):
    """Goes on as the real one does, and by what it is told to."""

    lag_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.lag_s


class BrieflyPressing:
    """Wakes a kiosk, then presses for a tenth of a second; just when the kiosk has read that the button is down, it is
    held up for longer than a hold takes."""

    def __init__(self, world: World, clock: Lagging) -> None:
        self._world = world
        self._clock = clock
        self._left = [self._press, self._nothing, self._down, self._up, self._nothing, self._nothing]

    def wait(self, _timeout: float) -> Sequence[Edge]:
        if not self._left:
            self._world.witness.kiosk.stop()
            return []
        return self._left.pop(0)()

    def _press(self) -> Sequence[Edge]:
        now = self._clock.monotonic()
        self._clock.lag_s += 1.0
        return [Edge(now, down=True), Edge(now + 0.1, down=False)]

    def _down(self) -> Sequence[Edge]:
        self._came = self._clock.monotonic()
        self._clock.lag_s += 1.0
        return [Edge(self._came, down=True)]

    def _up(self) -> Sequence[Edge]:
        return [Edge(self._came + 0.1, down=False)]

    def _nothing(self) -> Sequence[Edge]:
        self._clock.lag_s += 1.0
        return []

    def close(self) -> None: ...


@pytest.mark.red_line(13)
def test_a_press_stays_a_press_when_the_kiosk_is_held_up_before_it_sees_the_finger_lift(world):
    clock = Lagging()
    assert world.meet(BrieflyPressing(world, clock), clock=clock) == []
    assert world.witness.stages == [Stage.REST, Stage.LANGUAGE]


# -- Taking it back ----------------------------------------------------------------------------------------------------

BACK = [*ADULT[:9], ("done", ("take_back",)), ("taken_back", ("finish",))]


@pytest.mark.red_line(11)
def test_what_is_taken_back_leaves_the_outbox_and_its_withdrawal_names_it(world, capsys):
    (only,) = world.play(BACK)
    said = withdrawal.parse(only)
    world.fleet.registry().verify(said, arrived_on=world.settings.address.topic(Channel.RECORDS))
    sealed = next(event for event in events(capsys) if event["event"] == "sealed")
    named = said.claims.withdraws
    assert (named.record_id.hex(), named.seq, named.epoch) == (sealed["record"], 1, said.claims.epoch)
    assert (said.claims.seq, said.claims.previous) == (2, named.sha256)
    assert world.witness.stages[-3:] == [Stage.DONE, Stage.TAKEN_BACK, Stage.REST]


class Swift(Witness):
    """The network, too: by the time that the code is on the screen, the intake has the report, and its receipt came."""

    def show(self, scene, say):
        if scene.stage is Stage.DONE:
            outbox = Outbox.open(self.outbox_file, ROOMY)
            outbox.mark_receipted({entry.record_id: entry.sha256 for entry in outbox.waiting(10)})
            outbox.close()
        super().show(scene, say)


@pytest.mark.red_line(11)
def test_what_has_arrived_already_is_taken_back_by_a_withdrawal_all_the_same(world, capsys):
    world.witness = Swift()
    world.witness.outbox_file = world.settings.outbox_file
    (only,) = world.play(BACK)
    sealed = next(event for event in events(capsys) if event["event"] == "sealed")
    assert withdrawal.parse(only).claims.withdraws.record_id.hex() == sealed["record"]
    assert Stage.TAKEN_BACK in world.witness.stages


class Rotting(Witness):
    """The card, too: the report rots on it once the code is on the screen, and the courier meets the damage."""

    def show(self, scene, say):
        if scene.stage is Stage.DONE and self.stages[-1] is not Stage.DONE:
            with self.outbox_file.open("r+b") as file:
                file.seek(4096)
                file.write(bytes(4096))
            Outbox.open(self.outbox_file, ROOMY).close()
        super().show(scene, say)


@pytest.mark.red_line(11)
def test_nobody_is_told_that_a_report_was_taken_back_which_the_card_has_lost(world, capsys):
    world.witness = Rotting()
    world.witness.outbox_file = world.settings.outbox_file
    assert world.play([*BACK[:-1], ("done", ("finish",))]) == []
    assert Stage.TAKEN_BACK not in world.witness.stages
    assert "taken_back" not in [event["event"] for event in events(capsys)]


@pytest.mark.red_line(11)
def test_a_full_outbox_takes_back_all_the_same(world):
    (only,) = world.play(BACK, limits=Limits(max_bytes=50_000_000, max_records=1, keep_free_bytes=0))
    assert withdrawal.parse(only)


class NoCamera(PhotographCamera):
    """One that can't be opened."""

    def __init__(self, *_: object) -> None:
        raise CameraError("there is no camera")


@pytest.mark.red_line(11)
@pytest.mark.parametrize("camera", [PhotographCamera, NoCamera], ids=["all is well", "no report can be taken"])
def test_a_withdrawal_that_a_power_cut_kept_out_of_the_outbox_is_put_there_at_the_next_start(world, camera):
    world.play(ADULT)
    taken_back: list[bytes] = []

    def and_then_the_power_went(outbox: Outbox) -> None:
        (entry,) = outbox.waiting(10)
        outbox.take_back(entry.record_id)
        taken_back.append(entry.record_id)

    world.witness = Witness()
    (only,) = world.play([("rest", ()), ("language", ("stop",))], before=and_then_the_power_went, camera=camera)
    assert [withdrawal.parse(only).claims.withdraws.record_id] == taken_back


@pytest.mark.red_line(11)
def test_a_report_whose_withdrawal_has_its_receipt_is_not_withdrawn_again_after_a_power_cut(world):
    world.play(BACK)

    def the_power_went_in_the_midst_of_settling(outbox: Outbox) -> None:
        outbox.mark_receipted({entry.record_id: entry.sha256 for entry in outbox.waiting(10)})
        assert outbox.taken_back()

    world.witness = Witness()
    assert world.play([("rest", ()), ("language", ("stop",))], before=the_power_went_in_the_midst_of_settling) == []
    outbox = Outbox.open(world.settings.outbox_file, ROOMY)
    assert outbox.taken_back() == []
    outbox.close()


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


# -- What people are told ----------------------------------------------------------------------------------------------


def settings_of(world: World, **tables: str) -> Path:
    """The kiosk's settings without a printed notice, and with these tables."""
    path = world.here / "kiosk.toml"
    text = path.read_text(encoding="utf-8")
    start = text.index("[printed_notice]")
    text = text[:start] + text[text.index("\n\n", start) + 2 :]
    path.write_text(text + "".join(f"\n[{name}]\n{table}\n" for name, table in tables.items()), encoding="utf-8")
    return path


@pytest.mark.red_line(12)
@pytest.mark.parametrize("command", ["run", "check"])
def test_a_kiosk_that_tells_people_nothing_refuses_to_run_and_says_why(world, command):
    # In a process of its own: a run locks its memory and its core limit for good.
    asked = [sys.executable, "-m", "edge_agent.kiosk", command, "--config", str(settings_of(world))]
    ran = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "informed consent isn't possible" in ran.stdout + ran.stderr
    assert "[printed_notice]" in ran.stdout + ran.stderr
    assert not world.settings.outbox_file.exists() or command == "check"


@pytest.mark.red_line(12)
def test_a_kiosk_with_a_printed_notice_alone_writes_down_that_one(world):
    (sealed,) = world.play(ADULT)
    printed = world.settings.printed_notice
    assert world.open(sealed).consent.notice == Notice(identifier=printed.id, sha256=bytes.fromhex(printed.sha256))


@pytest.mark.red_line(12)
def test_a_kiosk_that_speaks_writes_down_the_words_that_it_said_whatever_hangs_beside_it(world):
    world.settings = msgspec.structs.replace(world.settings, voice=config.Voice(folder="nowhere"))
    (sealed,) = world.play(ADULT)
    controller = TrustFile(world.settings.trust).current().content.controller
    words = notice.load("en", notice.Facts(ngo=controller.name, telephone=controller.contact, days=180))
    assert world.open(sealed).consent.notice == Notice(identifier=words.id, sha256=words.sha256)


@pytest.mark.red_line(12)
def test_words_that_the_fleet_ordered_go_into_the_consent_with_their_own_name_and_hash(world):
    world.settings = msgspec.structs.replace(world.settings, voice=config.Voice(folder="nowhere"))
    said = {"who_sees": "{ngo}", "what_for": "To look for you.", "how_long": "{days} days.", "free": "Or say no."}
    world.ordered = OrderedNotice(id="coast-2", words={"en": NoticeWords(**said, take_back="Call {telephone}.")})
    (sealed,) = world.play(ADULT)
    record = world.open(sealed).consent.notice
    controller = TrustFile(world.settings.trust).current().content.controller
    facts = notice.Facts(ngo=controller.name, telephone=controller.contact, days=180)
    assert record == Notice(identifier="coast-2", sha256=notice.load("en", facts, world.ordered).sha256)
    assert record.sha256 != notice.load("en", facts).sha256
