"""The claim that a card brings: the right to enrol one kiosk once. Then it is wiped, at each start until it is gone.

A card may be read-only or break on the very day: that the claim lies there still is said, and stops nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from edge_agent.enrolment import certificates
from edge_agent.errors import ClaimLeftError, SettingsError
from edge_agent.events import emit
from edge_agent.settings import Settings, read, setting

if TYPE_CHECKING:
    from pathlib import Path


class ClaimTable(Settings, frozen=True, kw_only=True):
    """The right to enrol one kiosk once."""

    id: Annotated[str, setting("The claim's id", pattern=r"^[a-z0-9-]{1,32}\Z")]
    secret: Annotated[str, setting("32 bytes, hexadecimal", pattern=r"^[0-9a-f]{64}\Z")]
    expires_at: Annotated[int, setting("Its end, seconds since 1970", ge=0)]


class FirstBootFile(Settings, frozen=True, kw_only=True):
    """first-boot.toml on the card; gone once the kiosk is enrolled."""

    claim: ClaimTable


@dataclass(frozen=True, slots=True)
class CardFiles:
    """What a card brings for the first boot."""

    folder: Path

    @property
    def claim(self) -> Path:
        """The claim with its secret."""
        return self.folder / "first-boot.toml"

    @property
    def certificate(self) -> Path:
        """The claim's TLS certificate."""
        return self.folder / "claim.pem"

    @property
    def key(self) -> Path:
        """Its key."""
        return self.folder / "claim.key"

    def read(self) -> ClaimTable:
        """Read the claim. Raises SettingsError."""
        if not self.claim.exists():
            raise SettingsError(
                f"this kiosk is not enrolled, and its card has no claim: {self.claim} is not there",
                next_step="Make a card: `homeward-fleet card ID`, and copy it anew.",
            )
        return read(self.claim, FirstBootFile).claim

    def wipe(self) -> bool:
        """Overwrite and remove the claim; say whether there was any. Raises ClaimLeftError when some of it stays."""
        found = False
        left = []
        for path in (self.claim, self.key, self.certificate):  # each is tried
            try:
                found = certificates.overwrite_and_remove(path) or found
            except OSError as fault:
                left.append(f"{path.name}: {fault.strerror}")
        if left:
            raise ClaimLeftError(
                f"the card's claim can't be wiped from {self.folder} ({', '.join(left)})",
                next_step="Each start tries again. Or take the card out and delete first-boot.toml, claim.key and"
                " claim.pem by hand: this claim is used up, and opens nothing any more.",
            )
        return found


def wipe_used_claim(card: CardFiles) -> bool:
    """Wipe the claim of a kiosk that is enrolled; say whether it is gone. What stands against it stops nothing else."""
    try:
        found = card.wipe()
    except ClaimLeftError as fault:
        emit("claim_left", program="courier", reason=fault.what)
        return False
    if found:
        emit("claim_wiped", program="courier")
    return True
