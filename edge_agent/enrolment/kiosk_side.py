"""The half of enrolment that the process without a network does: the signing key, and the words for staff."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent import authorities
from edge_agent.enrolment import certificates
from edge_agent.enrolment.mailbox import Mailbox, look
from edge_agent.errors import UnknownSignerError, WireError
from edge_agent.events import emit
from edge_agent.trust import read_root
from edge_agent.wire import enrolment

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.config import KioskSettings
    from edge_agent.ports import Watchdog

_LOOK_EVERY_S: Final = 0.25


def needed(settings: KioskSettings) -> bool:
    """Say whether this kiosk has no certified signing key yet."""
    return not Path(settings.signing_key).exists()


class FirstBoot:
    """Makes the signing key, shows six words, waits for staff, installs what they approved."""

    def __init__(self, settings: KioskSettings, show: Callable[[str], None] | None = None) -> None:
        """`show` puts the words before people: "" as long as there are none."""
        self._settings = settings
        self._show = show
        self._mailbox = Mailbox(Path(settings.shared))
        self._key_file = Path(settings.signing_key)
        self._key = certificates.new_key(certificates.next_to(self._key_file))
        self._root = read_root(Path(settings.trust.root))
        self._shown = ""
        self._said: bytes | None = None
        csr = look(self._mailbox.signing)
        if csr is None or not certificates.is_request_of(csr, self._key):
            csr = certificates.make_request(self._key, settings.kiosk)
        self._csr = csr
        self._mailbox.put(self._mailbox.signing, csr)

    def run(self, watchdog: Watchdog, wait: Callable[[float], bool]) -> bool:
        """Go on until enrolled, or until `wait` (seconds) says that we are to stop; say which. Raises LocalError."""
        watchdog.ready()
        emit("enrolling", program="kiosk", kiosk=self._settings.kiosk)
        if self._show is not None:
            self._show(self._shown)
        while not self._step():
            watchdog.beat(f"six words: {self._shown}" if self._shown else "waiting for the courier's request")
            if wait(_LOOK_EVERY_S):
                return False
        self._mailbox.clear(self._mailbox.signing, self._mailbox.words)
        emit("enrolled", program="kiosk", kiosk=self._settings.kiosk)
        return True

    def _step(self) -> bool:
        """Look once; say whether we are enrolled."""
        self._mailbox.put(self._mailbox.signing, self._csr)  # over whatever else lies there by now
        request = look(self._mailbox.request)
        if request is None or not self._is_ours(request):
            return False
        words = enrolment.words(request)
        if words != self._shown:
            self._shown = words
            self._mailbox.show(words)
            if self._show is not None:
                self._show(words)
            emit("six_words", words=words)
        reply = look(self._mailbox.reply)
        return reply is not None and self._take(reply, request)

    def _is_ours(self, request: bytes) -> bool:
        """Whether the courier asks for this kiosk and for our key: of nothing else words are shown."""
        try:
            asked = enrolment.read_application(request)
            if (asked.fleet, asked.kiosk, asked.signing) != (self._settings.fleet, self._settings.kiosk, self._csr):
                raise UnknownSignerError("a request of another kiosk, or of another key")
        except WireError as fault:
            self._tell(request, "request_not_believed", fault.code)
            return False
        return True

    def _take(self, reply: bytes, request: bytes) -> bool:
        try:
            answer, _bundle = enrolment.trust_reply(reply, self._root, request)
            if answer.signing is None:
                self._tell(reply, "enrolment_refused", answer.refused or "")
                return False
            pinned = authorities.read(Path(self._settings.broker.ca))
            pem = certificates.check(answer.signing, self._key, self._settings.kiosk, pinned)
        except WireError as fault:
            self._tell(reply, "reply_not_believed", fault.code)
            return False
        certificates.install(self._key_file, self._settings.signing_certificate, pem)
        return True

    def _tell(self, found: bytes, event: str, code: str) -> None:
        if found != self._said:
            self._said = found
            emit(event, program="kiosk", code=code)
