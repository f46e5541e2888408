"""Certificates are renewed a third of their lifetime ahead, or once another CA certifies, by the kiosk's own key.

The courier makes the next TLS key and asks through the mailbox; the kiosk signs the request, and puts its next signing
key into it when that is due. A new TLS key is tried on a connection before the old one goes. A new signing key is used
a day after it was certified: by then intakes know it, and a record that one does not know yet waits and comes again.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent import authorities
from edge_agent.enrolment import certificates
from edge_agent.enrolment.certificates import next_to
from edge_agent.enrolment.mailbox import Mailbox, kept_reply, look
from edge_agent.errors import HomewardError, LocalError, WireError
from edge_agent.events import emit
from edge_agent.files import PUBLIC, write_whole
from edge_agent.trust import TrustFile
from edge_agent.wire import cose, enrolment
from edge_agent.wire.documents import from_cbor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from edge_agent.config import KioskSettings
    from edge_agent.wire.keys import Signer

_LOOK_EVERY_S: Final = 60.0
_FIRST_AGAIN_S: Final = 30.0
_LONGEST_AGAIN_S: Final = 3600.0
SIGNING_OVERLAP_S: Final = 86_400


class TlsRenewal:
    """The courier's half. Of the CAs `trusted` the first certifies. Times are monotonic seconds, but `utc`."""

    def __init__(self, settings: KioskSettings, root: bytes, trusted: Sequence[x509.Certificate]) -> None:
        self._settings = settings
        self._root = root
        self._trusted = trusted
        self._mailbox = Mailbox(Path(settings.shared))
        self._key, self._certificate = Path(settings.broker.key), Path(settings.broker.certificate)
        self._look_at = 0.0
        self._ask_at = 0.0
        self._again_s = _FIRST_AGAIN_S
        self._try_at = 0.0

    @property
    def ready(self) -> bool:
        """Whether there is a certified next key to try."""
        return next_to(self._key).exists() and next_to(self._certificate).exists()

    def to_try(self, now: float) -> bool:
        """Say whether the next key is to be tried now; not again for an hour."""
        if not self.ready or now < self._try_at:
            return False
        self._try_at = now + _LONGEST_AGAIN_S
        return True

    def to_send(self, now: float, utc: int) -> bytes | None:
        """Give the request to send now, if any. Makes the next key when the certificate's last third begins.

        Or when another CA than the one that certified it certifies now.
        """
        if now >= self._look_at:
            self._look_at = now + _LOOK_EVERY_S
            self._prepare(utc)
            self._leave_again()
        request = look(self._mailbox.renewal)
        if request is None or self.ready or now < self._ask_at or not self._is_ours(request):
            return None
        self._ask_at, self._again_s = now + self._again_s, min(self._again_s * 2, _LONGEST_AGAIN_S)
        return request

    def take(self, reply: bytes) -> None:
        """Take the office's answer, and leave it for the kiosk: the next key is then ready to be tried."""
        request = look(self._mailbox.renewal)
        if request is None or self.ready:
            return
        try:
            answer, _bundle = enrolment.trust_reply(reply, self._root, request)
            if answer.tls is None:
                emit("renewal_refused", code=answer.refused)
                return
            key = certificates.read_key(next_to(self._key))
            pem = certificates.check(answer.tls, key, self._settings.kiosk, self._trusted)
            self._mailbox.put(self._mailbox.reply, reply)
            TrustFile(self._settings.trust, delivered=self._settings.delivered_bundle).leave_newer(answer.bundle)
            write_whole(next_to(self._certificate), pem, mode=PUBLIC, replace=True)
        except HomewardError as fault:
            emit("reply_not_believed", code=fault.code)

    def install(self) -> None:
        """Put the next key, which was tried, in the old one's place."""
        pem = next_to(self._certificate).read_bytes()
        certificates.install(self._key, self._certificate, pem)
        self._mailbox.clear(self._mailbox.tls)
        self._again_s = _FIRST_AGAIN_S

    def _prepare(self, utc: int) -> None:
        try:
            if self.ready or not self._is_due(utc):
                return
            key = certificates.new_key(next_to(self._key))
            asked = look(self._mailbox.tls)
            if asked is None or not certificates.is_request_of(asked, key):
                self._mailbox.put(self._mailbox.tls, certificates.make_request(key, self._settings.kiosk))
                emit("renewal_due")
        except LocalError as fault:
            emit("renewal_not_begun", code=fault.code)

    def _leave_again(self) -> None:
        """Leave the answer to the first boot over whatever lies there by now, while the kiosk still waits for it.

        A kiosk that has its certificate takes its request away. Once a renewal begins, other answers come.
        """
        kept = kept_reply(self._key)
        if look(self._mailbox.tls) is not None:
            self._mailbox.clear(kept)
        elif look(self._mailbox.signing) is not None and (reply := look(kept)) is not None:
            with contextlib.suppress(LocalError):  # tried again at the next look
                self._mailbox.put(self._mailbox.reply, reply)

    def _is_due(self, utc: int) -> bool:
        held = certificates.read_certificate(self._certificate)
        by_another = authorities.issuer(held, self._trusted[:1]) is None
        return by_another or certificates.renewal_due(self._certificate, utc)

    def _is_ours(self, request: bytes) -> bool:
        asked = _asked(request)
        return asked is not None and asked.tls == look(self._mailbox.tls)


class SigningRenewal:
    """The kiosk's half: signs what the courier asks for, and renews its own key along with it."""

    def __init__(
        self, settings: KioskSettings, signer: Signer, root: bytes, trusted: Sequence[x509.Certificate]
    ) -> None:
        self._settings = settings
        self._trusted = trusted
        self._signer = signer
        self._root = root
        self._mailbox = Mailbox(Path(settings.shared))
        self._key, self._certificate = Path(settings.signing_key), settings.signing_certificate
        certificates.settle(self._key, self._certificate)

    def look(self, utc: int) -> bool:
        """Do what is due; say whether there is another signing key from now on."""
        try:
            if self._is_old_enough(utc):
                certificates.install(self._key, self._certificate, next_to(self._certificate).read_bytes())
                emit("renewed", program="kiosk")
                return True
            tls = look(self._mailbox.tls)
            if tls is None:
                self._mailbox.clear(self._mailbox.renewal)
                return False
            request = look(self._mailbox.renewal)
            asked = None if request is None else _asked(request)
            if request is None or asked is None or asked.tls != tls:
                self._mailbox.put(self._mailbox.renewal, self._sign(tls, utc))
            elif (reply := look(self._mailbox.reply)) is not None:
                self._take(reply, request)
        except HomewardError as fault:
            emit("renewal_not_begun", code=fault.code)
        return False

    def _sign(self, tls: bytes, utc: int) -> bytes:
        key = self._key
        due = self._certificate.exists() and certificates.renewal_due(self._certificate, utc)
        if due and not next_to(self._certificate).exists():
            key = next_to(self._key)
            certificates.new_key(key)
        asked = enrolment.Request(
            fleet=self._settings.fleet,
            kiosk=self._settings.kiosk,
            name=self._settings.kiosk,
            signing=certificates.make_request(certificates.read_key(key), self._settings.kiosk),
            tls=tls,
        )
        return enrolment.sign_renewal(asked, self._signer)

    def _take(self, reply: bytes, request: bytes) -> None:
        """Take the certificate of our next key, if that was asked for, to be used in a day."""
        if next_to(self._certificate).exists() or not next_to(self._key).exists():
            return
        answer, _bundle = enrolment.trust_reply(reply, self._root, request)
        if answer.signing is not None:
            key = certificates.read_key(next_to(self._key))
            pem = certificates.check(answer.signing, key, self._settings.kiosk, self._trusted)
            write_whole(next_to(self._certificate), pem, mode=PUBLIC, replace=True)

    def _is_old_enough(self, utc: int) -> bool:
        if not next_to(self._certificate).exists() or not next_to(self._key).exists():
            return False
        return utc >= certificates.valid_from(next_to(self._certificate)) + SIGNING_OVERLAP_S


def _asked(request: bytes) -> enrolment.Request | None:
    """Read what a renewal of ours asks for."""
    try:
        parsed = cose.parse_sign1(request, enrolment.RENEWAL_TYPE, max_bytes=enrolment.Request.MAX_BYTES)
        return from_cbor(parsed.payload, enrolment.Request)
    except WireError:
        return None
