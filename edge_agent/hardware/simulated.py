"""A simulated person before simulated parts: photographs for a camera, a script for a finger.

Chosen by settings for the demonstration and the tests, never by default. It passes the same contract tests as the real
parts. The person in the script does what a person does: waits until a scene is there, presses until the wanted choice
is lit, holds; so that a script does not depend on how fast a machine is.
"""

from __future__ import annotations

import time
from itertools import cycle
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from edge_agent import settings
from edge_agent.errors import ButtonError, CameraError
from edge_agent.ports import Edge, Frame
from edge_agent.session.scene import Choice, Face, Language
from edge_agent.session.table import Stage
from edge_agent.settings import Settings, setting
from edge_agent.vision import photograph

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from edge_agent.config import Pace, Streams
    from edge_agent.session.scene import Say, Scene
    from edge_agent.session.speech import Sentence

_PRESS: Final = 0.25  # how long a press is, as a part of a hold
_AFTER_HOLD_S: Final = 0.1  # how much longer than needed a hold is
_FRAME_S: Final = 1 / 15  # between two frames, however long somebody looks at each: a camera doesn't wait


class Step(Settings, frozen=True, kw_only=True):
    """One thing that the person does."""

    stage: Annotated[Stage, setting("Wait until the session is here")]
    choose: Annotated[
        tuple[str, ...], setting("Press until the first of these that is there is lit, then hold; none: press")
    ] = ()
    after_s: Annotated[float, setting("Think first, seconds", ge=0)] = 0.1


class Script(Settings, frozen=True, kw_only=True):
    """What one person does, in order; steps for stages that the session passes by are left out.

    After the last step the person is still.
    """

    step: list[Step] = msgspec.field(default_factory=list)


def choice_name(choice: Choice) -> str:
    """Name a choice as scripts do: `yes`, `child_with_staff`, `ug`, `face-1` (from 1)."""
    match choice:
        case Language(code):
            return code
        case Face(index):
            return f"face-{index + 1}"
        case _:
            return str(choice)


def read_script(path: Path) -> Script:
    """Read a script from TOML. Raises SettingsError."""
    return settings.read(path, Script)


class SimulatedPerson:
    """A button that is pressed by a script, and the eyes that watch the scenes for it."""

    def __init__(self, script: Script, pace: Pace) -> None:
        self._steps = list(script.step)
        self._pace = pace
        self._edges: list[Edge] = []  # still to come
        self._scene: Scene | None = None
        self._seen = 0  # scenes so far
        self._acted_on = 0
        self._closed = False

    def show(self, scene: Scene, _say: Say) -> None:
        """See a scene."""
        self._scene = scene
        self._seen += 1

    def wait(self, timeout: float) -> Sequence[Edge]:
        """Wait up to `timeout` seconds; return the edges that came, oldest first."""
        if self._closed:
            raise ButtonError("the button was let go of")
        self._plan(time.monotonic())
        end = time.monotonic() + max(0.0, timeout)
        if self._edges:
            end = min(end, self._edges[0].at)
        time.sleep(max(0.0, end - time.monotonic()))
        now = time.monotonic()
        come = [edge for edge in self._edges if edge.at <= now]
        self._edges = self._edges[len(come) :]
        return come

    def close(self) -> None:
        """Let go of the button."""
        self._closed = True

    def _plan(self, now: float) -> None:
        """Decide on the next movement of the finger, once the last one has shown its effect."""
        scene = self._scene
        if self._edges or scene is None or self._seen == self._acted_on or scene.taking:
            return
        place = next((i for i, step in enumerate(self._steps) if step.stage is scene.stage), None)
        if place is None:
            return
        step, rest = self._steps[place], self._steps[place + 1 :]
        self._acted_on = self._seen
        down = now + step.after_s
        held_for = self._pace.hold_s * _PRESS
        names = [choice_name(choice) for choice in scene.choices]
        wanted = next((name for name in step.choose if name in names), None)
        if not step.choose:
            self._steps = rest
        elif wanted is None:
            raise ButtonError(f"the script chooses {list(step.choose)} in {step.stage}, where there is only {names}")
        elif names[scene.lit] == wanted:
            self._steps = rest
            held_for = self._pace.hold_s + _AFTER_HOLD_S
        self._edges = [Edge(down, down=True), Edge(down + held_for, down=False)]


class SimulatedVoice:
    """A voice that nobody hears: it keeps what it was given to say, and takes `pace_s` seconds for each sentence."""

    def __init__(self, pace_s: float = 0.0) -> None:
        self._pace_s = pace_s
        self._ends_at = 0.0
        self.said: list[Sentence] = []

    def say(self, sentences: Sequence[Sentence]) -> None:
        """Begin to say these instead."""
        self.said.extend(sentences)
        self._ends_at = time.monotonic() + self._pace_s * len(sentences) if sentences else 0.0

    def busy(self) -> bool:
        """Whether the time that they take is not over."""
        return time.monotonic() < self._ends_at

    def check(self, sentences: Iterable[Sentence]) -> None:
        """Find nothing wrong: it can say everything."""

    def close(self) -> None:
        """Fall silent."""
        self._ends_at = 0.0


class PhotographCamera:
    """A camera that sees photographs, the next one each time it starts. Raises CameraError for one that is none."""

    def __init__(self, photographs: Sequence[Path], streams: Streams) -> None:
        self._frames = cycle(
            [photograph.as_frame(photograph.load(p), streams.large, streams.small) for p in photographs]
        )
        self._now: Frame | None = None
        self._last = 0.0

    @property
    def running(self) -> bool:
        """Whether frames are being taken now."""
        return self._now is not None

    def start(self) -> None:
        """Begin to see the next photograph."""
        self._now = next(self._frames)

    def capture(self, timeout: float) -> Frame:
        """Take the next frame; it is a copy, as a camera's is."""
        if self._now is None:
            raise CameraError("the camera is not running")
        due = self._last + _FRAME_S
        time.sleep(min(max(due - time.monotonic(), 0.0), timeout))
        self._last = max(due, time.monotonic() - _FRAME_S)
        return Frame(small=self._now.small.copy(), large=self._now.large.copy())

    def stop(self) -> None:
        """See nothing."""
        self._now = None

    def close(self) -> None:
        """Let go of the photographs."""
        self.stop()
