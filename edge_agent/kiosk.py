"""homeward-kiosk: the program that meets people. It has the camera, the signing key and public keys; it has no network.

The session decides (`session.flow`); here its commands are carried out, one by one, and what came of them is told back.
"""

from __future__ import annotations

import argparse
import collections
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, assert_never

import msgspec

from edge_agent import __version__, config
from edge_agent.darkroom import Darkroom
from edge_agent.enrolment import certificates, kiosk_side
from edge_agent.enrolment.renewal import SigningRenewal
from edge_agent.errors import (
    HomewardError,
    ModelError,
    PausedError,
    ScreenError,
    SettingsError,
    UninformedError,
    VoiceError,
)
from edge_agent.events import emit
from edge_agent.files import read_signer
from edge_agent.hardware.clock import SystemClock
from edge_agent.hardware.parts import open_parts
from edge_agent.hardware.process import keep_memory_private
from edge_agent.hardware.watchdog import SystemdWatchdog
from edge_agent.health import HealthFile
from edge_agent.orders import StandingOrders, ordered_to_wipe
from edge_agent.outbox import Limits, Outbox
from edge_agent.recordings import Recordings
from edge_agent.reporting import Reporter
from edge_agent.session import flow, notice, speech
from edge_agent.session.commands import Capture, Crop, DropPixels, Seal, Show, StartCamera, StopCamera, TakeBack
from edge_agent.session.consent import Purpose
from edge_agent.session.events import (
    Blocked,
    CameraFailed,
    Captured,
    CaptureFailed,
    FacesSeen,
    Said,
    Sealed,
    SealFailed,
    TakeBackFailed,
    TakenBack,
    Tick,
    Unblocked,
)
from edge_agent.session.gestures import Gestures
from edge_agent.session.pace import Pace
from edge_agent.session.table import Stage
from edge_agent.speaking import Speaker
from edge_agent.trust import TrustFile
from edge_agent.vision import finder, manifest
from edge_agent.wire import status
from edge_agent.wire.orders import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType

    from edge_agent.config import KioskSettings
    from edge_agent.hardware.parts import Parts
    from edge_agent.ports import Clock, Display, Presenter, Watchdog
    from edge_agent.reporting import Queued
    from edge_agent.screen.screen import Screen
    from edge_agent.session.commands import Command
    from edge_agent.session.events import Event
    from edge_agent.session.notice import Notice

_LONGEST_WAIT_S: Final = 1.0  # SIGTERM is looked for in between
_CHECK_EVERY_S: Final = 2.0
_UNSEEN_S: Final = 5.0  # as long as a page may take to load again, without ending somebody's session
_MOST_NAMED: Final = 8  # of the sentences that can't be heard: mostly they lack for one reason


class Kiosk:
    """One run of the kiosk. `run` returns after `stop`."""

    def __init__(
        self,
        settings: KioskSettings,
        clock: Clock,
        parts: Parts,
        darkroom: Darkroom,
        reporter: Reporter,
        outbox: Outbox,
        health: HealthFile,
        orders: StandingOrders,
        renewal: SigningRenewal,
        display: Display | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._parts = parts
        self._darkroom = darkroom
        self._reporter = reporter
        self._outbox = outbox
        self._health = health
        self._orders = orders
        self._renewal = renewal
        self._display = display
        pace = Pace(**msgspec.structs.asdict(settings.pace))
        self._gestures = Gestures(pace)
        plan = flow.Plan(languages=tuple(settings.consent.languages), purposes=_purposes(settings), pace=pace)
        self._state, commands = flow.begin(plan, clock.monotonic())
        self._blocked = ""
        self._checked_at = float("-inf")
        self._stage: Stage | None = None
        self._crop_ms = 0.0
        self._queued: Queued | None = None
        self._speaker = None if parts.voice is None else Speaker(parts.voice, lambda: reporter.notices)
        self._stopping = False
        self._do(commands)

    def stop(self) -> None:
        """Ask `run` to end; safe in a signal handler."""
        self._stopping = True

    def run(self, watchdog: Watchdog) -> None:
        """Serve people until told to stop. Raises ButtonError, without which nobody could say no."""
        self._check()
        watchdog.ready()
        emit("ready", program="kiosk", kiosk=self._settings.kiosk)
        try:
            while not self._stopping:
                for edge in self._parts.button.wait(self._patience()):
                    self._tell(*self._gestures.edge(edge.at, down=edge.down))
                now = self._clock.monotonic()
                self._tell(*self._gestures.tick(now))
                self._listen()
                if not self._speaking and (deadline := flow.deadline(self._state)) is not None and now >= deadline:
                    self._tell(Tick(at=now))
                if self._framing:
                    self._look()
                self._check()
                watchdog.beat(self._blocked or self._state.stage)
        finally:
            self._darkroom.close()
            for presenter in self._presenters:
                presenter.close()
            self._parts.button.close()
        emit("stopped", program="kiosk")

    @property
    def _presenters(self) -> tuple[Presenter, ...]:
        return self._parts.presenters if self._speaker is None else (*self._parts.presenters, self._speaker)

    @property
    def _speaking(self) -> bool:
        return self._speaker is not None and self._speaker.speaking

    @property
    def _framing(self) -> bool:
        return self._state.camera_on and self._state.stage is Stage.FRAMING and self._state.awaiting is None

    def _listen(self) -> None:
        """Find out whether the voice has said everything, and whether anybody could hear it."""
        if self._speaker is None:
            return
        if self._speaker.has_finished():
            self._tell(Said(at=self._clock.monotonic()))
        fault = self._speaker.fault
        if fault is not None and fault.code != self._blocked:
            self._complain(fault)
            self._blocked = fault.code
            self._tell(Blocked(at=self._clock.monotonic(), code=fault.code))

    def _patience(self) -> float:
        """How long nothing has to be done unless the button moves, in seconds."""
        if self._framing:
            return 0.0
        now = self._clock.monotonic()
        due = (self._gestures.deadline(), None if self._speaking else flow.deadline(self._state))
        return max(0.0, min([_LONGEST_WAIT_S, *(at - now for at in due if at is not None)]))

    # -- The session ---------------------------------------------------------------------------------------------------

    def _tell(self, *happened: Event) -> None:
        """Tell the session what happened, carry out what it asks for, and tell it what came of that."""
        events = collections.deque(happened)
        while events:
            if self._state.stage is Stage.REST:
                self._check(now=True)  # nobody is asked for consent that could not be acted on
            self._state, commands = flow.step(self._state, events.popleft())
            events.extend(self._do(commands))

    def _do(self, commands: Sequence[Command]) -> list[Event]:
        return [event for command in commands if (event := self._carry_out(command)) is not None]

    def _carry_out(self, command: Command) -> Event | None:  # noqa: PLR0911 - one line for each command
        match command:
            case Show():
                self._show(command)
            case StartCamera():
                return self._try_camera(self._darkroom.start)
            case StopCamera():
                return self._try_camera(self._darkroom.stop)
            case Capture(ticket=ticket):
                return self._capture(ticket)
            case Crop():
                return self._crop(command)
            case Seal():
                return self._seal(command)
            case TakeBack(ticket=ticket):
                return self._take_back(ticket)
            case DropPixels():
                self._darkroom.drop()
            case _:
                assert_never(command)
        return None

    def _show(self, command: Show) -> None:
        if command.scene.stage is Stage.REST:
            self._queued = None
        if command.scene.stage is not self._stage:
            self._stage = command.scene.stage
            emit("stage", stage=self._stage)  # where somebody is, never what they chose
        for presenter in self._presenters:
            presenter.show(command.scene, command.say)

    def _try_camera(self, act: Callable[[], None]) -> Event | None:
        try:
            act()
        except HomewardError as fault:
            self._complain(fault)
            return CameraFailed(at=self._clock.monotonic(), code=fault.code)
        return None

    def _look(self) -> None:
        try:
            view = self._darkroom.look()
        except HomewardError as fault:
            self._complain(fault)
            self._tell(CameraFailed(at=self._clock.monotonic(), code=fault.code))
        else:
            self._tell(FacesSeen(at=self._clock.monotonic(), view=view))

    def _capture(self, ticket: int) -> Event:
        try:
            taken = self._darkroom.take()
        except HomewardError as fault:
            self._complain(fault)
            return CaptureFailed(at=self._clock.monotonic(), ticket=ticket, code=fault.code)
        emit("captured", faces=taken.faces, find_ms=round(taken.find_ms, 1))
        return Captured(at=self._clock.monotonic(), ticket=ticket, faces=taken.faces)

    def _crop(self, command: Crop) -> Event | None:
        began = self._clock.monotonic()
        try:
            self._darkroom.cut(command.choice)
        except HomewardError as fault:
            self._complain(fault)
            return CaptureFailed(at=self._clock.monotonic(), ticket=command.ticket, code=fault.code)
        self._crop_ms = (self._clock.monotonic() - began) * 1000
        return None

    def _seal(self, command: Seal) -> Event:
        try:
            queued = self._reporter.queue(command.consent, self._darkroom.portrait, self._darkroom.finder)
        except HomewardError as fault:
            self._complain(fault)
            return SealFailed(at=self._clock.monotonic(), ticket=command.ticket, code=fault.code)
        self._queued = queued
        emit(
            "sealed",
            record=queued.entry.record_id.hex(),
            crop_bytes=queued.crop_bytes,
            sealed_bytes=queued.sealed_bytes,
            crop_ms=round(self._crop_ms, 1),
            seal_ms=round(queued.seal_ms, 1),
            store_ms=round(queued.store_ms, 1),
        )
        return Sealed(at=self._clock.monotonic(), ticket=command.ticket, receipt_code=queued.receipt_code)

    def _take_back(self, ticket: int) -> Event:
        assert self._queued is not None, "only what was sent can be taken back"
        try:
            self._reporter.take_back(self._queued)
        except HomewardError as fault:
            self._complain(fault)
            return TakeBackFailed(at=self._clock.monotonic(), ticket=ticket, code=fault.code)
        emit("taken_back", record=self._queued.entry.record_id.hex())
        return TakenBack(at=self._clock.monotonic(), ticket=ticket)

    # -- Whether, and how, we are --------------------------------------------------------------------------------------

    def _check(self, *, now: bool = False) -> None:
        """At rest, find out whether a report could be taken; tell the session when that changed, and the courier."""
        at = self._clock.monotonic()
        if not now and at < self._checked_at + _CHECK_EVERY_S:
            return
        self._checked_at = at
        if self._state.stage is not Stage.REST:
            self._check_display(at)
            return
        if self._orders.look() or self._renewal.look(self._clock.now().utc):
            self._stopping = True  # what runs next runs by them
        blocked = self._what_is_in_the_way()
        if blocked != self._blocked:
            self._blocked = blocked
            event = Blocked(at=at, code=blocked) if blocked else Unblocked(at=at)
            self._state, commands = flow.step(self._state, event)
            self._do(commands)
        self._say_health()

    def _check_display(self, at: float) -> None:
        """End a session that nobody can see any more: what is in writing must be there to be read (red line 12)."""
        if self._display is None or self._blocked or self._display.unseen_s() < _UNSEEN_S:
            return
        fault = _nobody_watches()
        self._complain(fault)
        self._blocked = fault.code
        self._tell(Blocked(at=at, code=fault.code))

    def _what_is_in_the_way(self) -> str:
        try:
            if self._orders.mode is not Mode.SERVE:
                raise PausedError("The fleet ordered this kiosk to take no reports.", next_step="Order it to serve.")
            if self._display is not None and self._display.unseen_s():
                raise _nobody_watches()
            self._darkroom.check()
            self._reporter.check()
            if self._speaker is not None:
                self._speaker.check()
        except HomewardError as fault:
            if fault.code != self._blocked:
                self._complain(fault)
            return fault.code
        return ""

    def _say_health(self) -> None:
        now = self._clock.now()
        try:
            epoch, highest = self._outbox.highest()
            health = status.Health(
                kiosk=self._settings.kiosk,
                version=__version__,
                boot_id=now.boot_id,
                uptime_ms=now.uptime_ms,
                clock=now.quality,
                ready=not self._blocked,
                blocked_by=self._blocked or None,
                orders_version=self._orders.version,
                bundle_version=self._reporter.bundle.content.version,
                models=[] if self._blocked == ModelError.code else list(self._darkroom.finder.models),
                epoch=epoch,
                highest_seq=highest,
            )
            self._health.say(health)
        except HomewardError as fault:  # the mount is full or gone: the check above says so to people
            emit("health_not_written", code=fault.code)

    def _complain(self, fault: HomewardError) -> None:
        emit("fault", code=fault.code)
        sys.stderr.write(f"homeward-kiosk: {fault.explain()}\n")


def _purposes(settings: KioskSettings) -> tuple[Purpose, ...]:
    asked = {
        Purpose.TRACING: True,
        Purpose.PARTNERS: settings.consent.ask_partners,
        Purpose.PUBLIC_APPEAL: settings.consent.ask_public_appeal,
    }
    return tuple(purpose for purpose, wanted in asked.items() if wanted)


def _nobody_watches() -> ScreenError:
    return ScreenError(
        "no browser shows the kiosk's page", next_step="Start the browser on the display: see docs/screen.md."
    )


def check_screen(screen: config.Screen) -> None:
    """Raise ScreenError when the browser could not be told where the page is."""
    from edge_agent.screen.address import check_place  # noqa: PLC0415

    check_place(Path(screen.url_file))


def _open_display(settings: KioskSettings, clock: Clock, notices: Callable[[], Mapping[str, Notice]]) -> Screen | None:
    """Serve the page, if settings name one; its libraries are loaded only then."""
    if settings.screen is None:
        return None
    from edge_agent.screen.screen import Screen  # noqa: PLC0415
    from edge_agent.vision.crop import GUIDE  # noqa: PLC0415

    return Screen(
        clock,
        Path(settings.screen.url_file),
        settings.screen.port,
        notices,
        (GUIDE.x, GUIDE.y, GUIDE.w, GUIDE.h),
    )


def _open_finder(settings: KioskSettings) -> finder.Finder:
    return finder.load_detector(settings.detector.name, manifest.load(Path(settings.detector.manifest)))


def check_informs(settings: KioskSettings) -> None:
    """Raise UninformedError when nobody could know here what they agree to."""
    if not settings.explains_itself and settings.printed_notice is None:
        raise UninformedError(
            "This kiosk has neither a screen nor a voice: informed consent isn't possible, so it takes no reports.",
            next_step="Add [screen] or [voice] to the settings, or name what hangs beside it in [printed_notice].",
        )


def _enrol(settings: KioskSettings, stopping: threading.Event) -> bool:
    """Begin with enrolment where there is no signing key yet; say whether there is one now."""
    if not kiosk_side.needed(settings):
        return True
    screen = _open_display(settings, SystemClock(), lambda: _notices(settings))
    try:
        show = None if screen is None else screen.wait_for_staff
        return kiosk_side.FirstBoot(settings, show).run(SystemdWatchdog(), stopping.wait)
    finally:
        if screen is not None:
            screen.close()


def _end_by_signals(stopping: threading.Event, *acts: Callable[[], None]) -> None:
    """Have SIGTERM and SIGINT ask for the end."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()
        for act in acts:
            act()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _run(settings: KioskSettings) -> int:
    """Run until stopped; each time that orders come into force, by them from then on."""
    if not keep_memory_private():
        emit("memory_not_locked")  # so swap must be off
    stopping = threading.Event()
    _end_by_signals(stopping)
    key = Path(settings.signing_key)
    if not ordered_to_wipe(key) and not _enrol(settings, stopping):
        return 0
    trust = TrustFile(settings.trust, settings.bundle_floor, settings.delivered_bundle)
    orders = StandingOrders(settings, trust, key)
    while not stopping.is_set() and orders.mode is not Mode.WIPE:
        check_informs(settings)
        _serve(orders.applied(settings), trust, orders, stopping)
    if orders.mode is Mode.WIPE:
        _wiped(settings, stopping)
    return 0


def _serve(settings: KioskSettings, trust: TrustFile, orders: StandingOrders, stopping: threading.Event) -> None:
    """Serve people until stopped, or until there are new orders."""
    clock = SystemClock()
    signer = read_signer(Path(settings.signing_key))
    outbox = Outbox.open(settings.outbox_file, Limits(**msgspec.structs.asdict(settings.outbox)))
    try:
        parts = open_parts(settings)
        reporter = Reporter(settings, clock, signer, trust, outbox)
        display = _open_display(settings, clock, lambda: reporter.notices)
        shown = () if display is None else (display,)
        parts = replace(parts, presenters=(*parts.presenters, *shown))
        darkroom = Darkroom(clock, parts.open_camera, lambda: _open_finder(settings), shown)
        health = HealthFile(settings.health_file, signer, clock)
        renewal = SigningRenewal(settings, signer, trust.root)
        kiosk = Kiosk(settings, clock, parts, darkroom, reporter, outbox, health, orders, renewal, display)

        _end_by_signals(stopping, kiosk.stop)
        kiosk.run(SystemdWatchdog())
    finally:
        outbox.close()


def _wiped(settings: KioskSettings, stopping: threading.Event) -> None:
    """Erase the signing key, and wait to be switched off. What waits in the outbox is sealed, and stays."""
    key = Path(settings.signing_key)
    gone = [certificates.erase(path) for path in (key, certificates.next_to(key))]
    emit("wiped", program="kiosk", erased=all(gone))
    while not stopping.wait(_LONGEST_WAIT_S):
        SystemdWatchdog().beat("wiped")


def _check(settings: KioskSettings) -> int:
    """Try every part as a run would, the camera's shutter excepted; say what is well and what is not."""
    parts: list[Parts] = []

    def camera() -> None:
        parts[0].open_camera().close()

    attempts: dict[str, Callable[[], object]] = {
        "signing key": lambda: read_signer(Path(settings.signing_key)),
        "recipient bundle": lambda: TrustFile(settings.trust).current(),
        "what people are told": lambda: check_informs(settings),
        "words": lambda: _check_words(settings),
        "models": lambda: _open_finder(settings),
        "outbox": lambda: Outbox.open(settings.outbox_file, Limits(**msgspec.structs.asdict(settings.outbox))).close(),
        "button and lights": lambda: parts.append(open_parts(settings)),
        "voice": lambda: _check_voice(settings, parts),
        "camera": camera,
    }
    if (screen := settings.screen) is not None:
        attempts["screen"] = lambda: check_screen(screen)
    problems = 0
    for name, attempt in attempts.items():
        if name == "camera" and not parts:
            continue
        try:
            attempt()
        except HomewardError as fault:
            problems += 1
            sys.stdout.write(f"BAD   {name}: {fault.explain()}\n")
        else:
            sys.stdout.write(f"ok    {name}\n")
    return 1 if problems else 0


def _check_words(settings: KioskSettings) -> None:
    for language, found in _notices(settings).items():
        if found.needs_a_native_reader:
            sys.stdout.write(f"note  the words in {language!r} were made by a machine and need a native reader\n")


def _check_voice(settings: KioskSettings, parts: Sequence[Parts]) -> None:
    """Name the recordings that are missing or stale, the first few one by one; then try the output."""
    if settings.voice is None:
        return
    problems = list(Recordings(Path(settings.voice.folder)).problems(speech.all_sentences(_notices(settings))))
    for problem in problems[:_MOST_NAMED]:
        sys.stdout.write(f"BAD   voice: {problem.explain()}\n")
    if problems:
        raise VoiceError(
            f"{len(problems)} sentences can't be heard", next_step="Run `homeward-kiosk voices`, then check again."
        )
    for part in parts:
        if part.voice is not None:
            part.voice.check(())


def _notices(settings: KioskSettings) -> dict[str, Notice]:
    """Give the words of each language, with what was delivered and ordered since the card was written."""
    trust = TrustFile(settings.trust, delivered=settings.delivered_bundle)
    settings = StandingOrders(settings, trust, Path(settings.signing_key)).applied(settings)
    controller = trust.current().content.controller
    facts = notice.Facts(ngo=controller.name, telephone=controller.contact, days=settings.consent.days_kept)
    return {language: notice.load(language, facts) for language in settings.consent.languages}


def _voices(settings: KioskSettings) -> int:
    """Record what this kiosk says, as far as nobody has; say what a person must do."""
    if settings.voice is None:
        raise SettingsError("This kiosk has no voice.", next_step="Add [voice] with a folder to its settings.")
    problems = 0
    for problem in Recordings(Path(settings.voice.folder)).make(speech.all_sentences(_notices(settings))):
        problems += 1
        sys.stdout.write(f"BAD   {problem.explain()}\n")
    sys.stdout.write(f"{'ok   ' if not problems else 'BAD  '} the recordings in {settings.voice.folder}\n")
    return 1 if problems else 0


_COMMANDS: Final[dict[str, Callable[[KioskSettings], int]]] = {"run": _run, "check": _check, "voices": _voices}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the kiosk, check its set-up, or record what it says."""
    parser = argparse.ArgumentParser(prog="homeward-kiosk", description="Takes consented reports at a kiosk.")
    parser.add_argument(
        "command", choices=tuple(_COMMANDS), help="serve people, look for problems, or record what is not recorded yet"
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the kiosk's settings, TOML")
    chosen = parser.parse_args(arguments)
    try:
        settings = config.load(chosen.config)
        return _COMMANDS[chosen.command](settings)
    except HomewardError as fault:
        sys.stderr.write(f"homeward-kiosk: {fault.explain()}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
