"""A kiosk into service and out of it: its keys in the registry, its certificates, and what the CRL lists."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from edge_agent.wire import registry
from edge_agent.wire.orders import Mode
from provisioning.certificates import current_crls
from provisioning.decisions.claims import check_waiting
from provisioning.decisions.orders import ordered
from provisioning.decisions.permission import check_certifies
from provisioning.decisions.trust import with_registry
from provisioning.fleet import FleetError
from provisioning.languages import phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.wire.keys import Signer
    from provisioning.certificates import Authority
    from provisioning.fleet import Certificate, Kiosk, State


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a kiosk got: its signing key (a point of 65 bytes), its certificates, the SHA-256 of its request, in hex."""

    kiosk: str
    key: bytes
    tls: Certificate
    signing: Certificate | None = None
    request: str = ""
    renewal: bool = False


def with_all_enrolled(state: State, enrolled: Sequence[Enrolled], orders: Signer, *, now: int) -> State:
    """Take kiosks into service, all or none; see `with_enrolled`. The registry is signed once."""
    keys = {entry.key: entry for entry in state.registered.keys}
    kiosks = {kiosk.plan.id: kiosk for kiosk in state.kiosks}
    for one in enrolled:
        kiosks[one.kiosk] = _enrolled(state, kiosks.get(one.kiosk) or state.kiosk(one.kiosk), one, keys, now)
    changed = replace(state, kiosks=list(kiosks.values()))
    entries = list(keys.values())
    return changed if entries == state.registered.keys else with_registry(changed, entries, orders, now)


def _enrolled(state: State, known: Kiosk, one: Enrolled, keys: dict[bytes, registry.RegisteredKey], now: int) -> Kiosk:
    """Give a kiosk as it is once enrolled, its key among `keys`. Raises FleetError."""
    certified = replace(known, certificates=[*known.certificates, one.tls], signing=one.signing or known.signing)
    holder = keys.get(one.key)
    if holder is not None and holder.kiosk == one.kiosk and known.revoked_at is None:
        return certified
    if one.renewal and holder is None and known.revoked_at is None:  # its old key speaks for it
        keys[one.key] = registry.RegisteredKey(kiosk=one.kiosk, key=one.key)
        return certified
    check_waiting(state, one.kiosk)
    if known.claim.used_at is not None:
        raise FleetError(
            phrase("kiosk {kiosk} is twice among them", kiosk=one.kiosk),
            next_step=phrase("Approve one request of each kiosk."),
        )
    if not known.claim.is_open(now):
        raise FleetError(
            phrase("the card of kiosk {kiosk} has expired", kiosk=one.kiosk),
            next_step=phrase("Make another: `homeward-fleet card {kiosk}`.", kiosk=one.kiosk),
        )
    if holder is not None:
        raise FleetError(
            phrase("this signing key is another kiosk's"), next_step=phrase("Each kiosk makes a key of its own.")
        )
    keys[one.key] = registry.RegisteredKey(kiosk=one.kiosk, key=one.key)
    return replace(certified, claim=replace(known.claim, used_at=now, request=one.request))


def with_enrolled(state: State, one: Enrolled, orders: Signer, *, now: int) -> State:
    """Take a kiosk into service: its claim is used up, its signing key (a point of 65 bytes) is registered.

    A kiosk that is in service with this very key gets the certificate alone: it is renewed. Raises FleetError when the
    claim is used or expired, the kiosk revoked, or the key another kiosk's.
    """
    return with_all_enrolled(state, [one], orders, now=now)


def with_revoked(state: State, kiosk: str, orders: Signer, *, now: int) -> State:
    """Take a kiosk out of service, for good. Raises FleetError when it is already."""
    known = state.kiosk(kiosk)
    if known.revoked_at is not None:
        raise FleetError(
            phrase("kiosk {kiosk} was revoked already", kiosk=kiosk), next_step=phrase("See `homeward-fleet audit`.")
        )
    entries = [
        replace(entry, revoked_at=now) if entry.kiosk == kiosk and entry.revoked_at is None else entry
        for entry in state.registered.keys
    ]
    last = ordered(known, state.trusted.content.version, now, mode=Mode.WIPE)
    return with_registry(state, entries, orders, now).having(replace(last, revoked_at=now))


def revoked_certificates(state: State, now: int) -> dict[str, int]:
    """Give the serials that no broker may take any more, with when they ended: what the CRL lists.

    Those of revoked kiosks, and of every claim that was used or replaced.
    """
    found: dict[str, int] = {}
    for kiosk in state.kiosks:
        if kiosk.revoked_at is not None:
            found |= {held.serial: kiosk.revoked_at for held in [*kiosk.certificates, kiosk.claim.certificate]}
        elif kiosk.claim.used_at is not None:  # its certificates are its own from here on
            if not kiosk.claim.may_knock(now):
                found[kiosk.claim.certificate.serial] = kiosk.claim.used_at
        else:
            found |= {held.serial: kiosk.added_at for held in kiosk.certificates}
    return found


def with_crl(state: State, authority: Authority, now: int) -> State:
    """Sign the CRL anew. Raises FleetError when another CA certifies by now than when the keys were opened."""
    check_certifies(state, authority)
    listed = authority.revoke(revoked_certificates(state, now), dt.datetime.fromtimestamp(now, dt.UTC))
    return replace(state, crl=current_crls(state.authority, listed, state.crl))
