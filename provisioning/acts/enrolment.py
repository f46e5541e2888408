"""Take kiosks into service, renew them, or turn away who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.wire import enrolment
from edge_agent.wire.keys import kid
from provisioning import card, handout
from provisioning.certificates import DEVICE_LIFETIME, certificate_der, held, point, requested_key
from provisioning.decisions import service
from provisioning.decisions.enrolment import judge, no
from provisioning.decisions.permission import check_signs
from provisioning.decisions.service import Enrolled, with_crl
from provisioning.fleet import FleetError
from provisioning.handout import File
from provisioning.languages import phrase
from provisioning.placing import placed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from provisioning import audit
    from provisioning.decisions.enrolment import Applicant
    from provisioning.fleet import State
    from provisioning.office import Keys, Office


def consider(office: Office, name: str, raw: bytes, keys: Keys) -> Applicant:
    """Look at a request to enrol that came from the holder of the certificate `name`. Raises RefusedError."""
    return judge(office.state(), name, raw, lambda claim: card.claim_secret(keys.claims, claim), office.now)


def approve(office: Office, applicants: Sequence[Applicant], keys: Keys) -> list[bytes]:
    """Enrol kiosks whose six words were compared, or renew those in service, all in one act; return the answers.

    Raises RefusedError, FleetError: then none is enrolled.
    """
    with office.act() as act:
        for applicant in applicants:  # the fleet may have changed since somebody looked
            judge(act.state, applicant.name, applicant.raw, lambda c: card.claim_secret(keys.claims, c), office.now)
        made = [_certify(office, applicant, keys) for applicant in applicants]
        state = service.with_all_enrolled(act.state, [one for one, _, _ in made], keys.orders, now=office.now)
        facts: dict[str, audit.Fact] = {
            "kiosks": [one.kiosk for one, _, _ in made],
            "keys": [kid(one.key).hex() for one, _, _ in made],
            "words": [applicant.words for applicant in applicants if not applicant.renewal],
            "registry": state.registered.version,
        }
        renewal = all(applicant.renewal or applicant.again for applicant in applicants)
        state = act.commit(with_crl(state, keys.authority, office.now), "renew" if renewal else "enrol", facts)
        return [
            _yes(office, state, applicant, signing, tls, keys)
            for applicant, (_, signing, tls) in zip(applicants, made, strict=True)
        ]


def refuse(office: Office, applicant: Applicant, keys: Keys) -> bytes:
    """Refuse a request whose words are not the kiosk's; return the answer. The card stays good."""
    with office.act() as act:
        facts: dict[str, audit.Fact] = {"kiosk": applicant.kiosk, "words": applicant.words}
        act.commit(act.state, "refuse", facts)
    return turn_away(office, applicant.name, applicant.raw, "refused-by-staff", keys)


def turn_away(office: Office, name: str, raw: bytes, reason: str, keys: Keys) -> bytes:
    """Give the answer to a request that can't be granted; `reason` is a code. Changes nothing."""
    check_signs(office.state(), keys.orders)
    return enrolment.sign_reply(no(office.state(), name, raw, reason, office.now), keys.orders)


def certify(office: Office, kiosk: str, signing: bytes, tls: bytes, keys: Keys, out: Path) -> None:
    """Take a kiosk into service by hand: its two signing requests (PEM) against its TLS certificate in `out`.

    With the same requests again, its certificate is renewed.
    """
    signing_key, tls_key = requested_key(signing), requested_key(tls)
    if signing_key == tls_key:
        raise FleetError(
            phrase("both requests are of one key"),
            next_step=phrase("The kiosk makes two: one to sign with, one for TLS."),
        )
    with office.act() as act:
        pem = keys.authority.certify(kiosk, tls_key, office.time)
        registered = point(signing_key)
        enrolled = Enrolled(kiosk, registered, held(pem))
        state = service.with_enrolled(act.state, enrolled, keys.orders, now=office.now)
        with placed(out, {"tls.pem": File(pem), **handout.trust(act.state)}):
            facts: dict[str, audit.Fact] = {
                "kiosk": kiosk,
                "key": kid(registered).hex(),
                "registry": state.registered.version,
            }
            act.commit(with_crl(state, keys.authority, office.now), "enrol", facts)


def _certify(office: Office, applicant: Applicant, keys: Keys) -> tuple[Enrolled, bytes, bytes]:
    """Make both certificates of an applicant: what the fleet keeps of it, and the two in DER."""
    signing = keys.authority.certify_signing(applicant.kiosk, applicant.signing, office.time)
    tls = keys.authority.certify(applicant.kiosk, applicant.tls, office.time, DEVICE_LIFETIME)
    enrolled = Enrolled(
        applicant.kiosk,
        point(applicant.signing),
        held(tls),
        held(signing),
        "" if applicant.renewal else applicant.sha256.hex(),
        applicant.renewal,
    )
    return enrolled, certificate_der(signing), certificate_der(tls)


def _yes(office: Office, state: State, applicant: Applicant, signing: bytes, tls: bytes, keys: Keys) -> bytes:
    reply = enrolment.Reply(
        fleet=state.fleet,
        kiosk=applicant.kiosk,
        request=applicant.sha256,
        at=office.now,
        bundle=state.bundle,
        signing=signing,
        tls=tls,
    )
    return enrolment.sign_reply(reply, keys.orders)
