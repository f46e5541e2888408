"""Every way things can go wrong, named once.

Each error says what happened in its text and, where a person can do something about it, what to do in `next_step`.
`code` is the stable name that logs, receipts, quarantines and test vectors use. The two families say whose side a
fault is on: `LocalError` is about this machine (settings, hardware, disk), `WireError` about bytes that came from
somebody else.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Generator


class HomewardError(Exception):
    """The root of all our errors. `code` is stable and safe to log: it says nothing of any person."""

    code: ClassVar[str] = "homeward"

    def __init__(self, what: str, *, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step

    def explain(self) -> str:
        """Say what happened and what to do next, for people."""
        return f"{self.what}\n  {self.next_step}" if self.next_step else self.what


@contextmanager
def errors_in_words() -> Generator[None]:
    """End a command with an explanation and 1 when it meets one of our errors. Others are faults of ours and show."""
    try:
        yield
    except HomewardError as fault:
        sys.stderr.write(f"error: {fault.explain()}\n")
        raise SystemExit(1) from None


# -- This machine ------------------------------------------------------------------------------------------------------


class LocalError(HomewardError):
    """A fault of this machine or its set-up."""

    code = "local"


class SettingsError(LocalError):
    """A settings file can't be used: missing, malformed, an unknown key, a value out of range."""

    code = "settings"


class ClaimLeftError(LocalError):
    """The card's claim, used up, can't be removed: its card is read-only, or broken."""

    code = "claim-left"


class ModelError(LocalError):
    """A face model is missing, has another hash than the manifest says, or does not fit it."""

    code = "model"


class AnnotationsError(LocalError):
    """The annotations that a detector is judged by can't be used, or don't fit their images."""

    code = "annotations"


class PausedError(LocalError):
    """The fleet ordered this kiosk to take no reports for now."""

    code = "paused"


class HardwareError(LocalError):
    """A part of the kiosk does not answer."""

    code = "hardware"


class CameraError(HardwareError):
    """The camera, or the photograph that stands in for it, gives no usable frame."""

    code = "camera"


class ButtonError(HardwareError):
    """The button can't be read."""

    code = "button"


class VoiceError(HardwareError):
    """Something that must be heard can't be: a recording is missing, or nothing plays it."""

    code = "voice"


class UninformedError(LocalError):
    """Nothing here tells people what they would agree to: informed consent isn't possible."""

    code = "uninformed"


class ScreenError(HardwareError):
    """The kiosk's own display shows nothing: its page can't be served, or no browser shows it."""

    code = "screen"


class OutboxError(LocalError):
    """The outbox can't be read or written."""

    code = "outbox"


class OutboxFullError(OutboxError):
    """There is no room for another report. Said before anyone consents."""

    code = "outbox-full"


class NotWaitingError(OutboxError):
    """No such record waits in the outbox: it has its receipt, was taken back, or was lost to damage."""

    code = "not-waiting"


class OutboxDamagedError(OutboxError):
    """The outbox's file is damaged. It leaves the outbox only when a salvaged file is damaged at once again."""

    code = "outbox-damaged"


class ReceiptCodeError(LocalError):
    """What somebody typed is not a receipt code, or has a slip in it."""

    code = "receipt-code"


class KeyFileError(LocalError):
    """A key file is missing, damaged, readable by others, or its passphrase is wrong."""

    code = "key-file"


class StoreError(LocalError):
    """The central store can't be read or written."""

    code = "store"


class BrokerError(LocalError):
    """The broker can't be reached or refuses us."""

    code = "broker"


# -- Bytes from elsewhere ----------------------------------------------------------------------------------------------


class WireError(HomewardError):
    """Bytes from elsewhere that are not what they must be. Decoders raise nothing else, whatever the bytes."""

    code = "wire"


class MalformedError(WireError):
    """Not the CBOR or COSE structure that the CDDL asks for."""

    code = "malformed"


class NotCanonicalError(WireError):
    """The right values, encoded in another way than RFC 8949's core deterministic encoding."""

    code = "not-canonical"


class TooLargeError(WireError):
    """Larger than the format allows."""

    code = "too-large"


class UnknownVersionError(WireError):
    """Another type or version than this reader knows. Never negotiated."""

    code = "unknown-version"


class SignatureError(WireError):
    """The signature does not verify under the signer's key."""

    code = "bad-signature"


class UnknownSignerError(WireError):
    """Signed by a key that the reader does not trust for this."""

    code = "unknown-signer"


class RevokedError(WireError):
    """Signed by a kiosk that was taken out of service."""

    code = "revoked"


class WrongSignerError(WireError):
    """The signer inside is not the signer outside: somebody signed another kiosk's record."""

    code = "wrong-signer"


class WrongTopicError(WireError):
    """Sent under another topic than the one it was made for."""

    code = "wrong-topic"


class ReplayError(WireError):
    """A record id or a place in the chain that was already taken by other bytes."""

    code = "replay"


class NotForThisKeyError(WireError):
    """Sealed for other recipients. Nothing is wrong with it."""

    code = "not-for-this-key"


class AlteredError(WireError):
    """Sealed for this key, but it does not open: changed since it was sealed."""

    code = "altered"


class CommitmentError(WireError):
    """The key that opens is not the key that was committed to: it might show two readers two different pictures."""

    code = "bad-commitment"


class ConsentMismatchError(WireError):
    """The consent inside is not the consent that the record was bound to."""

    code = "consent-mismatch"


class ExpiredError(WireError):
    """Past its end of life."""

    code = "expired"


class RolledBackError(WireError):
    """An older version than the one already in force."""

    code = "rolled-back"
