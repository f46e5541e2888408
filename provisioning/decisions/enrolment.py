"""Who may enrol: a request as it came, judged by the fleet as it stands. Pure.

What a request claims of itself is believed as far as its claim's secret, or the kiosk's own key, speaks for it. Whether
the kiosk on the table is the one that asks is for two people to see, who compare six words.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.errors import KeyFileError, WireError
from edge_agent.wire import enrolment
from edge_agent.wire.registry import Registry
from provisioning.certificates import request_pem, requested_key
from provisioning.fleet import CLAIM_PREFIX, FleetError
from provisioning.languages import phrase

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric import ec

    from edge_agent.wire.enrolment import Request
    from provisioning.fleet import Kiosk, State


class RefusedError(FleetError):
    """A request that can't be granted, whoever looks at it. `reason` is the code that the kiosk is told."""

    code = "enrolment"

    def __init__(self, reason: str, what: str, *, next_step: str = "") -> None:
        super().__init__(what, next_step=next_step)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Applicant:
    """A request that could be granted. `renewal` is one of a kiosk in service; `again` one that was granted before."""

    kiosk: str
    name: str  # the claim's id, or the kiosk's in a renewal
    raw: bytes
    signing: ec.EllipticCurvePublicKey
    tls: ec.EllipticCurvePublicKey
    renewal: bool = False
    again: bool = False

    @property
    def sha256(self) -> bytes:
        """The request's hash, which the answer names."""
        return hashlib.sha256(self.raw).digest()

    @property
    def words(self) -> str:
        """The six words that the kiosk must show."""
        return enrolment.words(self.raw)


def judge(state: State, name: str, raw: bytes, secret: Callable[[str], bytes], now: int) -> Applicant:
    """Judge the request that came from the holder of the certificate `name`; `secret` gives a claim's 32 bytes.

    Raises RefusedError.
    """
    try:
        if name.startswith(CLAIM_PREFIX):
            return _judge_claim(state, name, raw, secret(name), now)
        return _judge_renewal(state, name, raw)
    except (WireError, KeyFileError) as fault:
        raise RefusedError(fault.code, f"{name}: {fault.what}", next_step=phrase("Nobody need do anything.")) from fault


def _judge_claim(state: State, name: str, raw: bytes, secret: bytes, now: int) -> Applicant:
    known = next((kiosk for kiosk in state.kiosks if kiosk.claim.id == name), None)
    if known is None:
        raise RefusedError(
            "unknown-claim",
            phrase("{name} is no card of this fleet, or its kiosk has a newer one", name=name),
            next_step=phrase("Find out."),
        )
    request = enrolment.check_application(raw, secret)
    if (request.fleet, request.kiosk, request.name) != (state.fleet, known.plan.id, name):
        raise RefusedError(
            "another-kiosk", phrase("the card of {kiosk} asks for {other}", kiosk=known.plan.id, other=request.kiosk)
        )
    again = known.claim.request == hashlib.sha256(raw).hexdigest()
    _check_standing(known, again=again, now=now)
    return _applicant(request, raw, again=again)


def _check_standing(known: Kiosk, *, again: bool, now: int) -> None:
    kiosk = known.plan.id
    if known.revoked_at is not None:
        raise RefusedError(
            "revoked",
            phrase("kiosk {kiosk} was revoked, and its card asks to enrol", kiosk=kiosk),
            next_step=phrase("Who has it?"),
        )
    if known.claim.used_at is not None and not again:
        raise RefusedError(
            "claim-used",
            phrase("the card of {kiosk} was used already, and another request comes with it", kiosk=kiosk),
            next_step=phrase(
                "Somebody has a copy of the card. If {kiosk} is not where it should be: revoke it.", kiosk=kiosk
            ),
        )
    if not again and not known.claim.is_open(now):
        raise RefusedError(
            "claim-expired",
            phrase("the card of {kiosk} has expired", kiosk=kiosk),
            next_step=phrase("Make another: `homeward-fleet card {kiosk}`.", kiosk=kiosk),
        )


def _judge_renewal(state: State, name: str, raw: bytes) -> Applicant:
    request = enrolment.trust_renewal(raw, Registry(state.registered))
    if request.kiosk != name:
        raise RefusedError("another-kiosk", phrase("{name} asks for {kiosk}", name=name, kiosk=request.kiosk))
    return _applicant(request, raw, renewal=True)


def _applicant(request: Request, raw: bytes, *, renewal: bool = False, again: bool = False) -> Applicant:
    signing, tls = (requested_key(request_pem(der)) for der in (request.signing, request.tls))
    if signing == tls:
        raise RefusedError(
            "one-key",
            phrase("{kiosk} asks twice for one key", kiosk=request.kiosk),
            next_step=phrase("Each process makes its own."),
        )
    return Applicant(request.kiosk, request.name, raw, signing, tls, renewal, again)


def no(state: State, name: str, raw: bytes, reason: str, now: int) -> enrolment.Reply:
    """Draw up a refusal. The kiosk's id is the one that the card was made for, where there is one."""
    kiosk = next((known.plan.id for known in state.kiosks if name in {known.claim.id, known.plan.id}), name)
    return enrolment.Reply(
        fleet=state.fleet,
        kiosk=kiosk,
        request=hashlib.sha256(raw).digest(),
        at=now,
        bundle=state.bundle,
        refused=reason,
    )
