"""What the kiosk gives to a display: pixels while it may, and no session that nobody can see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from edge_agent.hardware.clock import SystemClock
from edge_agent.screen.screen import Screen
from edge_agent.session.notice import Facts, load
from edge_agent.session.table import HOLDING, Stage
from tests.support import photographs
from tests.unit.device.test_kiosk import ADULT, FailingCamera, World

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_agent.ports import Frame, Outline
    from edge_agent.session.scene import Say, Scene

FACTS = Facts(ngo="Lantern House", telephone="+1 555 0100", days=180)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@dataclass
class Glass:
    """A display that writes down what it is shown, and in which stage; `blind_in` is where nobody sees it any more."""

    blind_in: Stage | None = None
    stage: Stage = Stage.REST
    seen: list[tuple[str, Stage]] = field(default_factory=list)
    faces: Sequence[Outline] = ()
    portrait: bytes = b""

    def show(self, scene: Scene, _say: Say) -> None:
        self.stage = scene.stage

    def see(self, frame: Frame) -> None:
        assert frame.large.any()
        self.seen.append(("see", self.stage))

    def choose(self, frame: Frame, faces: Sequence[Outline]) -> None:
        assert frame.large.any()
        self.faces = faces
        self.seen.append(("choose", self.stage))

    def review(self, jpeg: bytes) -> None:
        self.portrait = jpeg
        self.seen.append(("review", self.stage))

    def shut(self) -> None:
        self.seen.append(("shut", self.stage))

    def drop(self) -> None:
        self.seen.append(("drop", self.stage))

    def close(self) -> None: ...

    def unseen_s(self) -> float:
        return 3600.0 if self.stage is self.blind_in else 0.0


@pytest.mark.red_line(1)
@pytest.mark.red_line(7)
def test_a_display_is_given_pixels_between_the_last_yes_and_the_sending_alone(world):
    glass = Glass()
    world.play(ADULT, display=glass)
    given = [(what, stage) for what, stage in glass.seen if what in {"see", "choose", "review"}]
    assert {stage for _, stage in given} == {Stage.FRAMING}, "a portrait is given before the scene that shows it"
    after = [what for what, _ in glass.seen[glass.seen.index(given[-1]) + 1 :]]
    assert after[0] == "shut"
    assert set(after) == {"shut", "drop"}


@pytest.mark.red_line(2)
@pytest.mark.parametrize("camera", [FailingCamera])
def test_a_camera_that_fails_leaves_nothing_on_the_display(world, camera):
    glass = Glass()
    assert world.play(ADULT, camera=camera, display=glass) == []
    last = max(place for place, (what, _) in enumerate(glass.seen) if what in {"see", "choose", "review"})
    assert ("drop" in [what for what, _ in glass.seen[last:]]) is True


@pytest.mark.red_line(12)
def test_what_is_reviewed_is_what_is_sealed_byte_for_byte(world):
    glass = Glass()
    (sealed,) = world.play(ADULT, display=glass)
    assert glass.portrait == world.open(sealed).faces[0].image


def test_each_face_that_can_be_chosen_is_outlined_in_its_order(world, tmp_path):
    glass = Glass()
    two = photographs.people(tmp_path / "two.png")
    world.play(ADULT, photographs=[two], display=glass)
    (first, second) = [(x + w / 2, y + h / 2) for x, y, w, h in glass.faces]
    assert first == pytest.approx((400 / 1280, 420 / 960), abs=0.05)
    assert second == pytest.approx((930 / 1280, 520 / 960), abs=0.05)


@pytest.mark.red_line(12)
def test_a_display_that_nobody_sees_says_so_before_anyone_is_asked(world):
    assert world.play(ADULT, display=Glass(blind_in=Stage.REST)) == []
    assert world.witness.stages == [Stage.REST, Stage.CANNOT]
    assert "screen" in world.witness.codes


@pytest.mark.red_line(2)
@pytest.mark.red_line(12)
@pytest.mark.parametrize("stage", [Stage.WHO, Stage.CONSENT, Stage.FRAMING])
def test_a_display_that_nobody_sees_any_more_ends_the_session_with_nothing_kept(world, stage):
    still = [step for step in ADULT if step[0] != stage]
    glass = Glass(blind_in=stage)
    assert world.play(still, display=glass) == []
    assert world.witness.stages[-2:] == [stage, Stage.CANNOT]
    if stage in HOLDING:
        assert glass.seen[-1][0] in {"drop", "shut"}


@pytest.fixture
def screen(tmp_path: Path):
    words = {"en": load("en", FACTS)}
    one = Screen(SystemClock(), tmp_path / "url", 0, lambda: words, (0.4, 0.3, 0.2, 0.4))
    yield one
    one.close()


def a_frame(world, tmp_path):
    from edge_agent.hardware.simulated import PhotographCamera

    camera = PhotographCamera([photographs.people(tmp_path / "two.png")], world.settings.hardware.streams)
    camera.start()
    return camera.capture(1.0)


@pytest.mark.red_line(7)
def test_a_screen_that_nobody_watches_takes_no_frame(screen, world, tmp_path):
    screen.see(a_frame(world, tmp_path))
    assert screen._board.shown.picture is None


@pytest.mark.red_line(7)
def test_a_shut_camera_takes_the_mirror_away_and_leaves_what_was_taken(screen, world, tmp_path):
    screen._server.seen_at = float("inf")
    screen.see(a_frame(world, tmp_path))
    assert screen._board.shown.picture.kind == "mirror"
    screen.shut()
    assert screen._board.shown.picture is None
    screen.review(b"portrait")
    screen.shut()
    assert screen._board.shown.picture.jpeg == b"portrait"
    screen.drop()
    assert screen._board.shown.picture is None


def test_closing_twice_is_fine_and_showing_after_it_disturbs_nobody(screen):
    screen.close()
    screen.close()
    screen.review(b"portrait")
    assert screen.unseen_s() > 0
