"""The Wi-Fi that a kiosk's card brings, as a connection of NetworkManager.

Its passphrase is a secret like a card's claim: it goes onto the card alone, and the kiosk wipes it from there. The
fleet keeps neither name nor passphrase, so whoever makes another card gives both again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from edge_agent.errors import LocalError
from provisioning.languages import phrase

FILE: Final = "wifi.nmconnection"
_LONGEST_NAME: Final = 32  # bytes, IEEE 802.11
_PASSPHRASE: Final = re.compile(r"[ -~]{8,63}|[0-9a-fA-F]{64}")  # IEEE 802.11i: a passphrase, or the key itself


@dataclass(frozen=True, slots=True)
class Wifi:
    """A network's name and its passphrase, WPA2 or later. Raises LocalError when no such network can be."""

    name: str
    passphrase: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what no network can be called or opened with; the passphrase is in no error."""
        if not self.name.isprintable() or not 1 <= len(self.name.encode()) <= _LONGEST_NAME:
            raise LocalError(
                phrase("{name} is no Wi-Fi's name", name=repr(self.name)),
                next_step=phrase("It has 1 to 32 bytes, as a telephone shows it there."),
            )
        if not _PASSPHRASE.fullmatch(self.passphrase):
            raise LocalError(
                phrase("this is no passphrase of the Wi-Fi {name}", name=self.name),
                next_step=phrase(
                    "It has 8 to 63 letters, digits and signs of a plain keyboard. Type it as on a telephone."
                ),
            )

    def connection(self) -> str:
        """Write NetworkManager's keyfile. The name goes as its bytes: nothing in it then reads as anything else."""
        name = "".join(f"{byte};" for byte in self.name.encode())
        escaped = self.passphrase.replace("\\", "\\\\").replace(" ", "\\s")
        return (
            "[connection]\nid=homeward\ntype=wifi\n\n"
            f"[wifi]\nssid={name}\n\n"
            f"[wifi-security]\nkey-mgmt=wpa-psk\npsk={escaped}\n"
        )
