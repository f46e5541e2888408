"""The kiosk's program with real parts inside (detector, sealing, outbox) and a simulated person before it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from edge_agent import config
from edge_agent.errors import CameraError
from edge_agent.hardware.simulated import PhotographCamera
from edge_agent.kiosk import main
from edge_agent.outbox import Limits, Outbox
from edge_agent.session import notice
from edge_agent.session.table import Stage
from edge_agent.trust import TrustFile
from edge_agent.wire import status, withdrawal
from edge_agent.wire.consent import Notice, Purpose, Role, Subject
from edge_agent.wire.topics import Channel
from tests.unit.device.world import Witness, World

if TYPE_CHECKING:
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
def test_for_a_child_both_answers_are_in_the_record_each_with_its_role(world):
    (sealed,) = world.play(with_answers("yes", "yes", "no", "yes", "no", who="child_with_staff"))
    opened = world.open(sealed)
    assert opened.consent.subject is Subject.CHILD
    assert opened.consent.parties == {Role.DATA_SUBJECT, Role.STAFF}
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


@pytest.mark.red_line(11)
def test_a_full_outbox_takes_back_all_the_same(world):
    (only,) = world.play(BACK, limits=Limits(max_bytes=50_000_000, max_records=1, keep_free_bytes=0))
    assert withdrawal.parse(only)


@pytest.mark.red_line(11)
def test_a_withdrawal_that_a_power_cut_kept_out_of_the_outbox_is_put_there_at_the_next_start(world):
    world.play(ADULT)
    taken_back: list[bytes] = []

    def and_then_the_power_went(outbox: Outbox) -> None:
        (entry,) = outbox.waiting(10)
        outbox.take_back(entry.record_id)
        taken_back.append(entry.record_id)

    world.witness = Witness()
    (only,) = world.play([("rest", ()), ("language", ("stop",))], before=and_then_the_power_went)
    assert [withdrawal.parse(only).claims.withdraws.record_id] == taken_back


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
def test_a_kiosk_that_tells_people_nothing_refuses_to_run_and_says_why(world, command, capsys):
    assert main([command, "--config", str(settings_of(world))]) == 1
    said = "".join(capsys.readouterr())
    assert "informed consent isn't possible" in said
    assert "[printed_notice]" in said
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
