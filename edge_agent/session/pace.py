"""How much time people have. Nobody has to be quick here; these are the only times that the session knows."""

from __future__ import annotations

from dataclasses import dataclass, fields

from edge_agent.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """All times in seconds. Raises SettingsError for times that can't work together.

    The first five are the kiosk's settings, and have their defaults there; the others are nobody's to set.
    """

    hold_s: float
    """Held down for this long, the lit choice is chosen."""
    silence_s: float
    """Without a sign of life for this long, the kiosk asks whether somebody is still there."""
    warning_s: float
    """How long it then waits for a sign. WCAG 2.2.1 asks for 20 seconds or more."""
    code_shown_s: float
    """How long the receipt code can be written down before the kiosk asks."""
    notice_shown_s: float
    """How long a closing sentence stays."""
    debounce_s: float = 0.03
    """A contact that chatters for less than this has not moved."""
    stuck_s: float = 10.0
    """Held down for this long, something may be leaning on the button."""
    sealing_s: float = 20.0
    """How long the outbox may take to answer."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise SettingsError(
                    f"The pace's {field.name} is not more than 0 seconds.",
                    next_step=f"Give {field.name} a number of seconds above 0.",
                )
        if not self.debounce_s < self.press_s or not self.hold_s < self.stuck_s:
            raise SettingsError(
                f"A hold of {self.hold_s} s can't be told from a chatter of the contact or from a stuck button.",
                next_step=f"Make hold_s more than {2 * self.debounce_s} and less than {self.stuck_s} seconds.",
            )

    @property
    def press_s(self) -> float:
        """Let go before this, and it was a press. Past it the ring begins to fill."""
        return self.hold_s / 2
