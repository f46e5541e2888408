"""Raw edges of one button in, gestures out.

Consent hangs on a hold, so a hold is made here, of edges and times that are passed in, and of nothing else: no
library's timer, no clock. Each time the button goes down it gives at most one gesture:

- `Press`: let go before `Pace.press_s`;
- `Hold`: still down at `Pace.hold_s` (the letting go then means nothing more);
- `HoldAbandoned`: let go in between. Nothing was chosen, and nobody is to blame.

While the ring fills there is `HoldProgress` besides, and `Stuck` and `Freed` tell of a button that stays down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from edge_agent.session.pace import Pace

PROGRESS_EVERY = 0.05
"""Seconds between two pictures of the ring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A short press. `began` is when the button went down, `at` when it came up, in monotonic seconds."""

    began: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldProgress:
    """The button is being held: the ring is `fraction` full, 0 to 1."""

    began: float
    at: float
    fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The button was held for the whole hold time, from `began` to `at`."""

    began: float
    at: float

    @property
    def held_ms(self) -> int:
        """How long it was held when it counted, in milliseconds."""
        return round((self.at - self.began) * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldAbandoned:
    """The ring had begun to fill, and nothing was chosen: let go at `at`, or an edge was lost."""

    began: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """The button has been down since `began`, longer than anybody means to."""

    began: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """The stuck button came up again."""

    began: float
    at: float


Gesture: TypeAlias = Press | HoldProgress | Hold | HoldAbandoned | Stuck | Freed


class Gestures:
    """Make gestures of edges.

    Call `edge` for each edge in the order in which they happened, and `tick` when `deadline` says so (earlier or
    later does no harm: gestures carry the times at which they happened, not those at which they were seen). Times are
    seconds of one monotonic clock; one that goes back is taken for the latest seen.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._now = float("-inf")
        self._contact = False  # the last raw edge, chatter and all
        self._contact_since = self._now
        self._down = False  # what the contact has settled to
        self._began = self._now
        self._spent = False  # this down has given its gesture
        self._ring = False
        self._stuck = False

    def edge(self, at: float, *, down: bool) -> tuple[Gesture, ...]:
        """Take one edge: the contact closed (`down`) or opened."""
        if down and self._contact:
            return self._lost_an_edge(at)
        gestures = self.tick(at)
        if down != self._contact:
            self._contact, self._contact_since = down, self._now
        return gestures

    def tick(self, now: float) -> tuple[Gesture, ...]:
        """Let time pass until `now`."""
        self._now = max(self._now, now)
        if self._contact == self._down:
            return self._while_down(self._now)
        gestures = self._while_down(self._contact_since)
        if self._now < self._contact_since + self._pace.debounce_s:
            return gestures  # what has happened since the contact moved isn't known yet
        return gestures + self._settle() + self._while_down(self._now)

    def deadline(self) -> float | None:
        """When to call `tick` next, in monotonic seconds; None when only an edge can bring news."""
        if self._contact != self._down:
            return self._contact_since + self._pace.debounce_s
        if not self._down or self._stuck:
            return None
        if self._spent:
            return self._began + self._pace.stuck_s
        ring_starts = self._began + self._pace.press_s
        return min(max(ring_starts, self._now + PROGRESS_EVERY), self._began + self._pace.hold_s)

    def _settle(self) -> tuple[Gesture, ...]:
        """Believe the contact: it has not moved for the debounce time."""
        self._down = self._contact
        if self._down:
            self._begin()
            return ()
        at = self._contact_since
        if self._stuck:
            return (Freed(began=self._began, at=at),)
        if self._spent:
            return ()
        if at < self._began + self._pace.press_s:
            return (Press(began=self._began, at=at),)
        return (HoldAbandoned(began=self._began, at=at),)

    def _begin(self) -> None:
        self._began = self._contact_since
        self._spent = self._ring = self._stuck = False

    def _lost_an_edge(self, at: float) -> tuple[Gesture, ...]:
        """Begin anew: the button came up without our seeing it.

        Nobody knows how long it was held, so it can't have chosen anything.
        """
        self._now = self._contact_since = max(self._now, at)
        if not self._down:
            return ()
        began, ring, stuck = self._began, self._ring and not self._spent, self._stuck
        self._begin()
        if stuck:
            return (Freed(began=began, at=self._now),)
        return (HoldAbandoned(began=began, at=self._now),) if ring else ()

    def _while_down(self, until: float) -> tuple[Gesture, ...]:
        """Tell what a settled button that stays down means, up to the time `until`."""
        if not self._down:
            return ()
        gestures: tuple[Gesture, ...] = ()
        ring_starts, holds, sticks = (
            self._began + s for s in (self._pace.press_s, self._pace.hold_s, self._pace.stuck_s)
        )
        if not self._spent and until >= holds:
            self._spent = True
            gestures += (Hold(began=self._began, at=holds),)
        elif not self._spent and until >= ring_starts:
            self._ring = True
            fraction = (until - ring_starts) / (holds - ring_starts)
            gestures += (HoldProgress(began=self._began, at=until, fraction=fraction),)
        if not self._stuck and until >= sticks:
            self._stuck = True
            gestures += (Stuck(began=self._began, at=sticks),)
        return gestures
