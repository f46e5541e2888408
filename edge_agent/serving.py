"""Serving people: one run of the kiosk, from the button to the screen, the voice and the outbox.

The session decides (`session.flow`); here its commands are carried out, one by one, and what came of them is told back.
"""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Final, assert_never

import msgspec

from edge_agent.errors import HomewardError
from edge_agent.events import emit
from edge_agent.hardware.process import give_memory_back, keep_frames_at_hand
from edge_agent.readiness import Readiness, complain
from edge_agent.session import flow
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

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge_agent.config import KioskSettings
    from edge_agent.darkroom import Darkroom
    from edge_agent.enrolment.renewal import SigningRenewal
    from edge_agent.hardware.parts import Parts
    from edge_agent.health import HealthFile
    from edge_agent.orders import StandingOrders
    from edge_agent.outbox import Outbox
    from edge_agent.ports import Clock, Display, Presenter, Watchdog
    from edge_agent.reporting import Queued, Reporter
    from edge_agent.session.commands import Command
    from edge_agent.session.events import Event

_LONGEST_WAIT_S: Final = 1.0  # SIGTERM is looked for in between
_CHECK_EVERY_S: Final = 2.0


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
        self._orders = orders
        self._renewal = renewal
        pace = Pace(**msgspec.structs.asdict(settings.pace))
        self._gestures = Gestures(pace)
        plan = flow.Plan(languages=tuple(settings.consent.languages), purposes=_purposes(settings), pace=pace)
        self._state, commands = flow.begin(plan, clock.monotonic())
        self._checked_at = float("-inf")
        self._stage: Stage | None = None
        self._crop_ms = 0.0
        self._queued: Queued | None = None
        self._speaker = None if parts.voice is None else Speaker(parts.voice, lambda: reporter.notices)
        self._readiness = Readiness(
            settings.kiosk, clock, darkroom, reporter, outbox, health, orders, display, self._speaker
        )
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
                edges = self._parts.button.wait(self._patience())
                now = self._clock.monotonic()
                # Were we held up before `now`, a finger may have lifted meanwhile: unseen, its press would be a hold.
                for edge in (*edges, *self._parts.button.wait(0)):
                    self._tell(*self._gestures.edge(edge.at, down=edge.down))
                self._tell(*self._gestures.tick(now))
                self._listen()
                if not self._speaking and (deadline := flow.deadline(self._state)) is not None and now >= deadline:
                    self._tell(Tick(at=now))
                if self._framing:
                    self._look()
                self._check()
                watchdog.beat(self._readiness.blocked or self._state.stage)
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
        self._check_senses()

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
                keep_frames_at_hand()
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
        for presenter in self._presenters:
            presenter.show(command.scene, command.say)
        if command.scene.stage is not self._stage:
            self._stage = command.scene.stage
            if self._stage is Stage.REST:
                give_memory_back()  # now, when nobody waits for the next scene
            emit("stage", stage=self._stage)  # where somebody is, never what they chose

    def _try_camera(self, act: Callable[[], None]) -> Event | None:
        try:
            act()
        except HomewardError as fault:
            complain(fault)
            return CameraFailed(at=self._clock.monotonic(), code=fault.code)
        return None

    def _look(self) -> None:
        try:
            view = self._darkroom.look()
        except HomewardError as fault:
            complain(fault)
            self._tell(CameraFailed(at=self._clock.monotonic(), code=fault.code))
        else:
            self._tell(FacesSeen(at=self._clock.monotonic(), view=view))

    def _capture(self, ticket: int) -> Event:
        try:
            taken = self._darkroom.take()
        except HomewardError as fault:
            complain(fault)
            return CaptureFailed(at=self._clock.monotonic(), ticket=ticket, code=fault.code)
        emit("captured", faces=taken.faces, find_ms=round(taken.find_ms, 1))
        return Captured(at=self._clock.monotonic(), ticket=ticket, faces=taken.faces)

    def _crop(self, command: Crop) -> Event | None:
        began = self._clock.monotonic()
        try:
            self._darkroom.cut(command.choice)
        except HomewardError as fault:
            complain(fault)
            return CaptureFailed(at=self._clock.monotonic(), ticket=command.ticket, code=fault.code)
        self._crop_ms = (self._clock.monotonic() - began) * 1000
        return None

    def _seal(self, command: Seal) -> Event:
        try:
            queued = self._reporter.queue(command.consent, self._darkroom.portrait, self._darkroom.finder)
        except HomewardError as fault:
            complain(fault)
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
            complain(fault)
            return TakeBackFailed(at=self._clock.monotonic(), ticket=ticket, code=fault.code)
        emit("taken_back", record=self._queued.entry.record_id.hex())
        return TakenBack(at=self._clock.monotonic(), ticket=ticket)

    def _check(self, *, now: bool = False) -> None:
        """At rest, find out whether a report could be taken; tell the session when that changed, and the courier."""
        at = self._clock.monotonic()
        if not now and at < self._checked_at + _CHECK_EVERY_S:
            return
        self._checked_at = at
        if self._state.stage is not Stage.REST:
            self._check_senses()
            return
        if self._orders.look() or self._renewal.look(self._clock.now().utc):
            self._stopping = True  # what runs next runs by them
        if self._readiness.look():
            blocked = self._readiness.blocked
            event = Blocked(at=at, code=blocked) if blocked else Unblocked(at=at)
            self._state, commands = flow.step(self._state, event)
            self._do(commands)
        self._readiness.say_health()

    def _check_senses(self) -> None:
        """End a session that nobody can see or hear any more."""
        if self._readiness.look_at_senses():
            self._tell(Blocked(at=self._clock.monotonic(), code=self._readiness.blocked))


def _purposes(settings: KioskSettings) -> tuple[Purpose, ...]:
    asked = {
        Purpose.TRACING: True,
        Purpose.PARTNERS: settings.consent.ask_partners,
        Purpose.PUBLIC_APPEAL: settings.consent.ask_public_appeal,
    }
    return tuple(purpose for purpose, wanted in asked.items() if wanted)
