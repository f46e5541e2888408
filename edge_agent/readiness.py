"""Whether a report could be taken now, and how the kiosk fares: looked at between two people, and told to the courier.

What is in the way has the code of its error. People hear of it before anybody is asked for consent (red line 14).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from edge_agent import __version__
from edge_agent.errors import HomewardError, ModelError, PausedError, ScreenError
from edge_agent.events import emit
from edge_agent.wire import status
from edge_agent.wire.orders import Mode

if TYPE_CHECKING:
    from edge_agent.darkroom import Darkroom
    from edge_agent.health import HealthFile
    from edge_agent.orders import StandingOrders
    from edge_agent.outbox import Outbox
    from edge_agent.ports import Clock, Display
    from edge_agent.reporting import Reporter
    from edge_agent.speaking import Speaker

_UNSEEN_S: Final = 5.0  # as long as a page may take to load again, without ending somebody's session


def complain(fault: HomewardError) -> None:
    """Say on the console what is wrong and what to do, and its code among the events."""
    emit("fault", code=fault.code)
    sys.stderr.write(f"homeward-kiosk: {fault.explain()}\n")


class Readiness:
    """Knows what is in the way; complains of each thing once, when it comes."""

    def __init__(
        self,
        kiosk: str,
        clock: Clock,
        darkroom: Darkroom,
        reporter: Reporter,
        outbox: Outbox,
        health: HealthFile,
        orders: StandingOrders,
        display: Display | None,
        speaker: Speaker | None,
    ) -> None:
        self.blocked = ""
        """The code of what is in the way; empty when a report can be taken."""
        self._unsaid = ""  # why the last word could not be left: an error's code
        self._kiosk = kiosk
        self._clock = clock
        self._darkroom = darkroom
        self._reporter = reporter
        self._outbox = outbox
        self._health = health
        self._orders = orders
        self._display = display
        self._speaker = speaker

    def look(self) -> bool:
        """Between two people: look at everything that a report needs; say whether that has changed."""
        before, self.blocked = self.blocked, self._what_is_in_the_way()
        return self.blocked != before

    def look_at_senses(self) -> bool:
        """While somebody is there: say whether they can no longer see or hear what they are asked (red line 12)."""
        fault: HomewardError | None = None if self._speaker is None else self._speaker.fault
        if fault is None and not self.blocked and self._display is not None and self._display.unseen_s() >= _UNSEEN_S:
            fault = _nobody_watches()
        if fault is None or fault.code == self.blocked:
            return False
        complain(fault)
        self.blocked = fault.code
        return True

    def _what_is_in_the_way(self) -> str:
        try:
            self._reporter.withdraw()  # whatever else is in the way: somebody waits for it
            if self._orders.mode is not Mode.SERVE:
                raise PausedError("The fleet ordered this kiosk to take no reports.", next_step="Order it to serve.")
            if self._display is not None and self._display.unseen_s():
                raise _nobody_watches()
            self._darkroom.check()
            self._reporter.check()
            if self._speaker is not None:
                self._speaker.check()
        except HomewardError as fault:
            if fault.code != self.blocked:
                complain(fault)
            return fault.code
        return ""

    def say_health(self) -> None:
        """Leave the kiosk's word of how it fares for the courier."""
        now = self._clock.now()
        try:
            epoch, highest = self._outbox.highest()
            health = status.Health(
                kiosk=self._kiosk,
                version=__version__,
                boot_id=now.boot_id,
                uptime_ms=now.uptime_ms,
                clock=now.quality,
                ready=not self.blocked,
                blocked_by=self.blocked or None,
                orders_version=self._orders.version,
                bundle_version=self._reporter.bundle.content.version,
                models=[] if self.blocked == ModelError.code else list(self._darkroom.finder.models),
                epoch=epoch,
                highest_seq=highest,
            )
            self._health.say(health)
        except HomewardError as fault:  # the mount is full or gone: the check above says so to people
            if fault.code != self._unsaid:
                emit("health_not_written", code=fault.code)
            self._unsaid = fault.code
        else:
            self._unsaid = ""


def _nobody_watches() -> ScreenError:
    return ScreenError(
        "no browser shows the kiosk's page", next_step="Start the browser on the display: see docs/screen.md."
    )
