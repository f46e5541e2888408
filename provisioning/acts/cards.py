"""Add kiosks, and make their cards and labels."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from provisioning import card, labels, printing
from provisioning.certificates import held
from provisioning.decisions import claims
from provisioning.decisions.permission import check_alive, check_certifies
from provisioning.decisions.service import with_crl
from provisioning.fleet import CLAIM_DAYS, Claim, FleetError, Network
from provisioning.handout import File
from provisioning.languages import phrase
from provisioning.placing import placed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from provisioning import audit
    from provisioning.fleet import Plan, State
    from provisioning.handout import Files
    from provisioning.office import Keys, Office
    from provisioning.wifi import Wifi

_CLAIM_LIFETIME: Final = dt.timedelta(days=CLAIM_DAYS)


def add(
    office: Office,
    plan: Plan,
    keys: Keys,
    out: Path,
    label: Path,
    *,
    wifi: Wifi | None = None,
    successor_of: str = "",
) -> Claim:
    """Add a kiosk: its card bundle (a folder, or a zip by its name) and the label to print. Return its claim."""
    with office.act() as act:
        claims.check_new(act.state, plan)
        claim, files = _card(office, act.state, plan, keys, wifi)
        with placed(out, files), placed(label, _label(act.state, plan)):
            state = claims.with_kiosk(act.state, plan, claim, now=office.now, successor_of=successor_of)
            facts: dict[str, audit.Fact] = {"kiosk": plan.id, "claim": claim.id, "site": plan.site.name}
            act.commit(state, "add", facts | ({"successor of": successor_of} if successor_of else {}))
    return claim


def label(office: Office, kiosk: str) -> bytes:
    """Print a kiosk's label again (PDF)."""
    state = office.state()
    return _label(state, state.kiosk(kiosk).plan)


def check_one_of_many(state: State, plan: Plan, wifi: Wifi | None) -> None:
    """Raise FleetError when `add_many` could not add this kiosk."""
    claims.check_new(state, plan)
    _check_network(plan, _of_its_network(plan, wifi))


def add_many(office: Office, plans: Sequence[Plan], keys: Keys, out: Path, *, wifi: Wifi | None = None) -> list[Claim]:
    """Add kiosks in one act: their cards as folders in the new folder `out`, each with its label beside it.

    The Wi-Fi is for those that are to use one.
    """
    with office.act() as act:
        state, made = act.state, list[Claim]()
        files: Files = {}
        for plan in plans:
            claim, cards = _card(office, state, plan, keys, _of_its_network(plan, wifi))
            state = claims.with_kiosk(state, plan, claim, now=office.now)
            made.append(claim)
            files |= {f"{plan.id}/{name}": file for name, file in cards.items()}
            files[f"{plan.id}-label.pdf"] = File(_label(state, plan))
        with placed(out, files):
            act.commit(
                state, "add-many", {"kiosks": [plan.id for plan in plans], "claims": [claim.id for claim in made]}
            )
    return made


def _of_its_network(plan: Plan, wifi: Wifi | None) -> Wifi | None:
    return wifi if plan.network is Network.WIFI else None


def new_card(office: Office, kiosk: str, keys: Keys, out: Path, *, wifi: Wifi | None = None) -> Claim:
    """Make another card for a kiosk that never was in service; the earlier card is worth nothing any more."""
    with office.act() as act:
        plan = claims.check_waiting(act.state, kiosk).plan
        claim, files = _card(office, act.state, plan, keys, wifi)
        with placed(out, files):
            state = claims.with_claim(act.state, kiosk, claim)
            act.commit(with_crl(state, keys.authority, office.now), "card", {"kiosk": kiosk, "claim": claim.id})
    return claim


def add_successor(
    office: Office, kiosk: str, successor: str, keys: Keys, out: Path, label: Path, *, wifi: Wifi | None = None
) -> Claim:
    """Add a kiosk in a revoked one's place: the same site, languages and hardware under a new id."""
    known = office.state().kiosk(kiosk)
    if known.revoked_at is None:
        raise FleetError(
            phrase("kiosk {kiosk} is not revoked", kiosk=kiosk),
            next_step=phrase("First: `homeward-fleet revoke {kiosk}`, then again.", kiosk=kiosk),
        )
    return add(office, replace(known.plan, id=successor), keys, out, label, wifi=wifi, successor_of=kiosk)


def _card(office: Office, state: State, plan: Plan, keys: Keys, wifi: Wifi | None = None) -> tuple[Claim, Files]:
    check_alive(state, office.now)
    check_certifies(state, keys.authority)
    _check_network(plan, wifi)
    claim_id = card.new_claim_id()
    identity = keys.authority.client(claim_id, office.time, _CLAIM_LIFETIME)
    claim = Claim(id=claim_id, certificate=held(identity.certificate))
    secret = card.claim_secret(keys.claims, claim_id)
    return claim, card.files(state, plan, claim, identity, secret, wifi)


def _check_network(plan: Plan, wifi: Wifi | None) -> None:
    """Raise FleetError when the card would not bring the kiosk into its network, or into one that nobody planned."""
    if plan.network is Network.WIFI and wifi is None:
        raise FleetError(
            phrase("kiosk {kiosk} is to reach the broker by Wi-Fi, and the card would not know which", kiosk=plan.id),
            next_step=phrase("Give the Wi-Fi's name (--wifi NAME) and its passphrase; the fleet keeps neither."),
        )
    if plan.network is not Network.WIFI and wifi is not None:
        raise FleetError(
            phrase(
                "kiosk {kiosk} is to reach the broker by {network}, and not by Wi-Fi",
                kiosk=plan.id,
                network=plan.network,
            ),
            next_step=phrase("Leave out the Wi-Fi's name and passphrase."),
        )


def _label(state: State, plan: Plan) -> bytes:
    return printing.label(state.fleet, plan.id, state.trusted.content.controller.contact, labels.address(plan.id))
