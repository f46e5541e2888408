"""Which GPIO lines button and lights are on: one table, for the kiosk's settings and for the cards that staff make."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import msgspec

from edge_agent.settings import Settings, setting


class Pins(Settings, frozen=True, kw_only=True, omit_defaults=True):
    """GPIO lines by their BCM numbers. 4 to 7 exist on a real Pi and on the virtual kiosk alike."""

    button: Annotated[int, setting("The button, to ground, pulled up", ge=0, le=27)] = 4
    button_light: Annotated[int, setting("The light in the button", ge=0, le=27)] = 5
    ready_light: Annotated[int, setting("Lit when a report can be taken", ge=0, le=27)] = 6
    camera_light: Annotated[int, setting("Lit while the camera sees", ge=0, le=27)] = 7

    def __post_init__(self) -> None:
        """Refuse a line that two parts would share: a button that lights up is a button that is pressed."""
        used = Counter(msgspec.structs.astuple(self))
        for line in (line for line, times in used.items() if times > 1):
            parts = " and ".join(name for name in self.__struct_fields__ if getattr(self, name) == line)
            raise ValueError(f"GPIO {line} is the line of {parts}; each needs its own")

    @property
    def unusual(self) -> dict[str, int]:
        """The parts that are not at their usual line, with theirs."""
        lines: dict[str, int] = msgspec.to_builtins(self)
        return lines
