"""Somebody who walks through a session with one button, without sight: so many presses, then a hold."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firmware.virtual.device import VirtualKiosk

HOLD_S = 3.0
PACE = f"hold_s = {HOLD_S}\nnotice_shown_s = 2"
SESSION_S = 120.0  # far more than any step takes
_SEEN_S = 30.0  # after a hold that it has seen
_AWAKE_S = 6.0  # after a press that it has seen
_BREATH_S = 1.2  # between two movements: an emulated kiosk is slow to see the first

AT_REST = (True, True, False)  # the lights: the button's own, 'ready', 'camera'
FIRST = 0  # presses that lead to a choice; see edge_agent/session/flow.py
YES = 1
FINISH = 2
MYSELF = 1
A_CHILD_WITH_STAFF = 4


class Visitor:
    """One person at a kiosk at rest."""

    def __init__(self, kiosk: VirtualKiosk) -> None:
        self._kiosk = kiosk
        self._heard = len(kiosk.said())

    def choose(self, presses: int, stage: str = "") -> None:
        """Press so often, then hold; until the `stage` is there that this leads to, if it is another one."""
        for _ in range(presses):
            self._kiosk.press()
            time.sleep(_BREATH_S)
        self._kiosk.hold(HOLD_S + 0.8)
        time.sleep(_BREATH_S)
        if stage and not self._is_at(stage, within=_SEEN_S):  # emulated, it may have seen too little of the hold
            self._kiosk.hold(HOLD_S + 0.8)
            self.reach(stage)

    def arrive(self, who: int = MYSELF) -> None:
        """Wake it, choose a language, and say who is there."""
        self._kiosk.press()
        while not self._is_at("language", within=_AWAKE_S):  # emulated, it may have slept through a press
            self._kiosk.press()
        time.sleep(_BREATH_S)
        self.choose(FIRST, "who")
        self.choose(who, "consent")

    def agree(self, who: int = MYSELF) -> None:
        """Come, and agree to all that is asked, until the camera is on."""
        self.arrive(who)
        after = ["permission", "framing"] if who == A_CHILD_WITH_STAFF else ["framing"]
        for stage in after:
            self.choose(YES)
            self.choose(YES)
            self.choose(YES, stage)

    def send(self) -> str:
        """Let the picture be taken and send it; return the record's id. The camera is on already."""
        self.choose(FIRST)
        self.reach("review")  # an emulated kiosk searches and cuts for half a minute; a second hold would send already
        self.choose(FIRST)
        return str(self._kiosk.wait_for("sealed", timeout=SESSION_S, after=self._heard)["record"])

    def leave(self) -> None:
        """Go, after the end."""
        self.reach("done")
        self.choose(FINISH, "rest")

    def _is_at(self, stage: str, within: float) -> bool:
        until = time.monotonic() + within
        while time.monotonic() < until:
            if any(said.get("stage") == stage for said in self._kiosk.said()[self._heard :]):
                return True
            time.sleep(0.1)
        return False

    def reach(self, stage: str) -> None:
        """Wait until the session is there."""
        self._kiosk.wait_for("stage", stage=stage, timeout=SESSION_S, after=self._heard)
