"""What a fleet is, and what may become of it. Pure: a state and an intention in, the next state out.

All that is in force stands in one `State`, the signed documents included, so that one rename is the moment at which an
act has happened. Nothing in it is secret: keys are in the two key files, and a claim's secret is derived when it is
needed. Times are in seconds since 1970.
"""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec.structs import replace

from edge_agent.errors import LocalError, MalformedError
from edge_agent.wire import bundle, cose, registry
from edge_agent.wire.documents import from_cbor
from edge_agent.wire.orders import SETTINGS, Mode, Orders
from edge_agent.wire.topics import Id, check_id
from provisioning.audit import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge_agent.wire.bundle import Bundle, Recipient, TrustedBundle
    from edge_agent.wire.consent import Controller
    from edge_agent.wire.keys import Signer
    from edge_agent.wire.registry import RegisteredKey, RegistryContent

DAY: Final = 86_400
CLAIM_DAYS: Final = 14
LONGEST_PAUSE_DAYS: Final = 200  # a clock that jumps further than that is asked about
EARLIEST: Final = 1_767_225_600  # 2026-01-01: no clock that is right says earlier
CLOCK_SLACK: Final = 120
CLAIM_PREFIX: Final = "claim-"
OFFICE: Final = "office"  # the office's name to the broker
CLAIM_GRACE: Final = 3_600  # a used claim may fetch its answer again for so long
CHECKER: Final = "broker-check"  # the name that `broker check` knocks with
CHECKED: Final = "broker-check-2"  # and whom it tries to overhear

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^\S")]
Language = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")]
Seconds = Annotated[int, msgspec.Meta(ge=0)]
Serial = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{1,40}\Z")]


class FleetError(LocalError):
    """The fleet is not in a state for that, or what was asked for can't be."""

    code = "fleet"


class ClockError(FleetError):
    """This computer's clock can't be right. Nothing is signed by a wrong clock."""

    code = "wrong-clock"


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of everything in the state."""


class Site(Part, frozen=True, kw_only=True):
    """Where a kiosk stands; the fields are those of the kiosk's own settings."""

    id: Id
    name: Words
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    accuracy_m: Annotated[int, msgspec.Meta(ge=0, le=100_000)]
    area: Words


class Hardware(StrEnum):
    """What a kiosk is made of."""

    RASPBERRY_PI = "raspberry-pi"
    SIMULATED = "simulated"


class Network(StrEnum):
    """How a kiosk reaches the broker."""

    ETHERNET = "ethernet"
    WIFI = "wifi"
    CELLULAR = "cellular"


class Plan(Part, frozen=True, kw_only=True):
    """What staff decide about a kiosk."""

    id: Id
    site: Site
    languages: Annotated[list[Language], msgspec.Meta(min_length=1, max_length=20)]
    time_zone: str
    hardware: Hardware
    network: Network

    def __post_init__(self) -> None:
        """Refuse a time zone that nobody knows, and texts that no settings file can carry."""
        try:
            zoneinfo.ZoneInfo(self.time_zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{self.time_zone!r} is no time zone; write it like Asia/Urumqi") from None
        if not (self.site.name.isprintable() and self.site.area.isprintable()):
            raise ValueError("the site's name and area must be printable, on one line")


class Certificate(Part, frozen=True, kw_only=True):
    """A certificate that the CA gave out, by its serial number in hexadecimal."""

    serial: Serial
    not_after: Seconds


class Claim(Part, frozen=True, kw_only=True):
    """The right of one card to enrol one kiosk, once."""

    id: Id
    certificate: Certificate
    used_at: Seconds | None = None
    request: str = ""  # SHA-256, hexadecimal, of the request that it was used for; empty when that came by hand

    def is_open(self, now: int) -> bool:
        """Say whether it can still be used."""
        return self.used_at is None and now <= self.certificate.not_after

    def may_knock(self, now: int) -> bool:
        """Say whether its certificate still has a use: to ask, or to fetch the answer once more."""
        return self.used_at is None or (bool(self.request) and now - self.used_at < CLAIM_GRACE)


class Standing(Part, frozen=True, kw_only=True):
    """The orders that one kiosk has from the fleet; `bundle` is the version that goes along."""

    version: Annotated[int, msgspec.Meta(ge=1)]
    issued_at: Seconds
    mode: Mode = Mode.SERVE
    settings: dict[str, str | int | float | bool] = {}
    bundle: int


class Kiosk(Part, frozen=True, kw_only=True):
    """One kiosk, from the day it is added."""

    plan: Plan
    added_at: Seconds
    claim: Claim
    certificates: list[Certificate] = []  # all that name it or its earlier claims
    signing: Certificate | None = None  # of its signing key; none when it was enrolled by hand
    revoked_at: Seconds | None = None
    orders: Standing | None = None
    successor_of: str = ""


class Condition(StrEnum):
    """How a kiosk stands, in the order of who needs a person."""

    CARD_EXPIRED = "card expired"
    WAITING = "waiting for first boot"
    IN_SERVICE = "in service"
    REVOKED = "revoked"


class Turn(StrEnum):
    """A key of the office that can be replaced while the fleet works: kiosks believe old and new for a while."""

    RECEIPTS = "receipts"
    ORDERS = "orders"


class State(Part, frozen=True, kw_only=True):
    """All of a fleet but its keys. `root` is the root's point in hexadecimal, `authority` and `crl` are PEM."""

    type: Literal["homeward fleet, version 1"] = "homeward fleet, version 1"
    fleet: Id
    root: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{130}\Z")]
    authority: str
    crl: str
    brokers: Annotated[list[str], msgspec.Meta(min_length=1, max_length=16)]
    bundle: bytes
    registry: bytes
    last_act: Entry
    backup_proven: bool = False
    intakes: list[Id] = []
    kiosks: list[Kiosk] = []
    broker_files: str = ""  # the folder of a mosquitto on this very computer
    switched: list[Turn] = []  # of which the newer of two keys signs already

    @property
    def trusted(self) -> TrustedBundle:
        """The bundle in force, verified. Raises a WireError when the root did not sign it."""
        return bundle.trust(self.bundle, bytes.fromhex(self.root))

    @property
    def registered(self) -> RegistryContent:
        """The registry in force, verified. Raises a WireError."""
        trusted, limit = self.trusted, registry.RegistryContent.MAX_BYTES
        payload = cose.verify1(self.registry, registry.TYPE, trusted.order_key, max_bytes=limit)
        return from_cbor(payload, registry.RegistryContent)

    def named(self, turn: Turn) -> list[bytes]:
        """Give the keys that the bundle names, the older one first; two while they overlap."""
        content = self.trusted.content
        return content.receipt_keys if turn is Turn.RECEIPTS else content.order_keys

    def in_force(self, turn: Turn) -> bytes:
        """Give the key that signs now, a point of 65 bytes."""
        return self.named(turn)[-1 if turn in self.switched else 0]

    def kiosk(self, kiosk: str) -> Kiosk:
        """Give a kiosk by its id. Raises FleetError."""
        for known in self.kiosks:
            if known.plan.id == kiosk:
                return known
        raise FleetError(f"the fleet has no kiosk {kiosk!r}", next_step="See `homeward-fleet list`.")

    def condition(self, kiosk: Kiosk, now: int) -> Condition:
        """Say how a kiosk stands."""
        if kiosk.revoked_at is not None:
            return Condition.REVOKED
        if kiosk.claim.used_at is not None:
            return Condition.IN_SERVICE
        return Condition.WAITING if kiosk.claim.is_open(now) else Condition.CARD_EXPIRED

    def by_need(self, now: int) -> list[tuple[Condition, Kiosk]]:
        """Give the kiosks, those first who need a person."""
        order = list(Condition)
        stand = [(self.condition(kiosk, now), kiosk) for kiosk in self.kiosks]
        return sorted(stand, key=lambda pair: (order.index(pair[0]), pair[1].plan.id))

    @property
    def in_service(self) -> list[str]:
        """The ids of the kiosks that deliver."""
        return [k.plan.id for k in self.kiosks if k.revoked_at is None and k.claim.used_at is not None]

    @property
    def shut_out(self) -> list[str]:
        """The names that a broker must give nothing: revoked kiosks, and claims that are used up."""
        gone = [kiosk.plan.id for kiosk in self.kiosks if kiosk.revoked_at is not None]
        knocking = set(self.claims)
        return sorted(gone + [k.claim.id for k in self.kiosks if k.claim.id not in knocking])

    @property
    def claims(self) -> list[str]:
        """The ids of the claims that may ask to enrol, as of the last act."""
        now = self.last_act.at
        return [k.claim.id for k in self.kiosks if k.revoked_at is None and k.claim.may_knock(now)]


# -- Whether anything may be done at all -------------------------------------------------------------------------------


def check_clock(now: int, last: int | None, *, believed: bool = False) -> None:
    """Raise ClockError when this computer's clock can't be right, by the time of the last act.

    `believed` is a person's word that a jump ahead is real. A clock that is behind is never believed.
    """
    if now < max(EARLIEST, (last or 0) - CLOCK_SLACK):
        raise ClockError(
            "this computer's clock is behind: it is earlier than this fleet's last act",
            next_step="Set date and time, and begin again. Nothing was changed.",
        )
    if last is not None and now - last > LONGEST_PAUSE_DAYS * DAY and not believed:
        raise ClockError(
            f"this computer's clock says that {(now - last) // DAY} days have passed since the fleet's last act",
            next_step="Check date and time. If they are right, say so with --clock-is-right. Nothing was changed.",
        )


def check_proven(state: State) -> None:
    """Raise FleetError while nobody has shown that the root's paper reads back."""
    if not state.backup_proven:
        raise FleetError(
            "nobody has shown yet that the root's paper can be read back",
            next_step="Take the printed sheets and run `homeward-fleet backup prove`. Without them a lost stick ends "
            "the fleet.",
        )


def check_signs(state: State, orders: Signer) -> None:
    """Raise FleetError when another orders key signs by now: these keys were opened before that."""
    if orders.public_key != state.in_force(Turn.ORDERS):
        raise FleetError(
            "the orders key was replaced since these keys were opened",
            next_step="Close this, and begin again with the passphrase. Nothing was changed.",
        )


def check_alive(state: State, now: int) -> None:
    """Raise FleetError when the bundle in force has expired: a kiosk with it would take no report."""
    if now > state.trusted.content.expires_at:
        raise FleetError(
            "the recipient bundle has expired: a kiosk with it takes no reports",
            next_step="Sign it anew, with the root: `homeward-fleet recipients renew`.",
        )


# -- What may become of it ---------------------------------------------------------------------------------------------


def check_recipients(recipients: Sequence[Recipient]) -> None:
    """Raise FleetError for recipients that can't stand in one bundle."""
    if not any(recipient.holder is bundle.Holder.ESCROW for recipient in recipients):
        raise FleetError(
            "there is no escrow among the recipients",
            next_step="Name one with --escrow: a key kept offline, for the day when the caseworkers' are lost.",
        )
    for what, values in (
        ("key", [recipient.key for recipient in recipients]),
        ("name", [recipient.name for recipient in recipients]),
    ):
        if len(set(values)) != len(values):
            raise FleetError(f"two recipients have the same {what}", next_step="Each person makes a key of their own.")


def first_bundle(
    fleet: str,
    controller: Controller,
    jurisdiction: str,
    recipients: Sequence[Recipient],
    *,
    receipts: bytes,
    orders: bytes,
    now: int,
    days: int,
) -> Bundle:
    """Draw up a new fleet's recipient bundle; `receipts` and `orders` are the two keys' points of 65 bytes."""
    check_recipients(recipients)
    return bundle.Bundle(
        fleet=fleet,
        version=1,
        issued_at=now,
        expires_at=now + days * DAY,
        controller=controller,
        jurisdiction=jurisdiction,
        recipients=list(recipients),
        receipt_keys=[receipts],
        order_keys=[orders],
    )


def with_recipients(state: State, recipients: Sequence[Recipient], root: Signer, *, now: int, days: int) -> State:
    """Sign the next bundle, with these recipients. Raises FleetError."""
    check_recipients(recipients)
    if root.public_key.hex() != state.root:
        raise FleetError("this is another fleet's root key", next_step="Name this fleet's, with --root.")
    content = state.trusted.content
    successor = replace(
        content,
        version=content.version + 1,
        issued_at=max(now, content.issued_at),
        expires_at=max(now + days * DAY, content.expires_at),
        recipients=list(recipients),
    )
    return with_bundle(state, successor, root, now)


def with_bundle(state: State, successor: Bundle, root: Signer, now: int) -> State:
    """Put a bundle in force, and into the orders of every kiosk that is not revoked."""
    bundled = replace(state, bundle=bundle.sign(successor, root))
    kiosks = [k if k.revoked_at is not None else _ordered(k, successor.version, now) for k in state.kiosks]
    return replace(bundled, kiosks=kiosks)


def check_new(state: State, plan: Plan) -> None:
    """Raise FleetError when a kiosk can't be added under this id."""
    if plan.id in {kiosk.plan.id for kiosk in state.kiosks}:
        raise FleetError(
            f"there is a kiosk {plan.id} already",
            next_step="Choose another id; ids are never used twice. For a new card of the same kiosk: "
            f"`homeward-fleet card {plan.id}`.",
        )
    check_name(plan.id, taken=state.intakes)


def check_name(name: str, *, taken: Sequence[str]) -> None:
    """Raise FleetError for an id that is no id, or that is kept for something else."""
    try:
        check_id(name)
    except MalformedError as fault:
        raise FleetError(fault.what, next_step="Write it like urumqi-station-1.") from fault
    if name.startswith(CLAIM_PREFIX) or name in {OFFICE, CHECKER, CHECKED, *taken}:
        raise FleetError(f"the name {name} is kept for something else", next_step="Choose another.")


def with_kiosk(state: State, plan: Plan, claim: Claim, *, now: int, successor_of: str = "") -> State:
    """Add a kiosk that waits for its first boot. Raises FleetError."""
    check_new(state, plan)
    added = Kiosk(plan=plan, added_at=now, claim=claim, successor_of=successor_of)
    return replace(state, kiosks=[*state.kiosks, added])


def with_claim(state: State, kiosk: str, claim: Claim) -> State:
    """Give a kiosk that was never in service another card; its earlier one is worth nothing from now on."""
    known = check_waiting(state, kiosk)
    earlier = [*known.certificates, known.claim.certificate]
    return _with(state, replace(known, claim=claim, certificates=earlier))


def check_waiting(state: State, kiosk: str) -> Kiosk:
    """Give a kiosk that has not been in service. Raises FleetError."""
    known = state.kiosk(kiosk)
    if known.revoked_at is not None:
        raise FleetError(f"kiosk {kiosk} was revoked", next_step="Add its successor under a new id.")
    if known.claim.used_at is not None:
        raise FleetError(f"kiosk {kiosk} is in service already", next_step="If it was replaced: revoke it first.")
    return known


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
        raise FleetError(f"kiosk {one.kiosk} is twice among them", next_step="Approve one request of each kiosk.")
    if not known.claim.is_open(now):
        raise FleetError(
            f"the card of kiosk {one.kiosk} has expired", next_step=f"Make another: `homeward-fleet card {one.kiosk}`."
        )
    if holder is not None:
        raise FleetError("this signing key is another kiosk's", next_step="Each kiosk makes a key of its own.")
    keys[one.key] = registry.RegisteredKey(kiosk=one.kiosk, key=one.key)
    return replace(certified, claim=replace(known.claim, used_at=now, request=one.request))


def with_enrolled(state: State, one: Enrolled, orders: Signer, *, now: int) -> State:
    """Take a kiosk into service: its claim is used up, its signing key (a point of 65 bytes) is registered.

    A kiosk that is in service with this very key gets the certificate alone: it is renewed. Raises FleetError when the
    claim is used or expired, the kiosk revoked, or the key another kiosk's.
    """
    return with_all_enrolled(state, [one], orders, now=now)


# -- Orders ------------------------------------------------------------------------------------------------------------


def with_orders(
    state: State,
    kiosks: Sequence[str],
    *,
    now: int,
    mode: Mode | None = None,
    changes: Mapping[str, str | float | None] | None = None,
) -> State:
    """Order kiosks otherwise: another mode, settings changed, or (None) back to what their card says.

    Raises FleetError for a setting that orders can't change, a value of another kind, or a revoked kiosk.
    """
    for name, value in (changes or {}).items():
        _check_setting(name, value)
    bundled = state.trusted.content.version
    chosen = set(kiosks)
    for name in kiosks:
        if state.kiosk(name).revoked_at is not None:
            raise FleetError(f"kiosk {name} was revoked: it takes no orders", next_step="Leave it out.")
    if mode is Mode.WIPE:
        raise FleetError("only a revoked kiosk is wiped", next_step="Revoke it: `homeward-fleet revoke ID`.")
    ordered = [
        _ordered(k, bundled, now, mode=mode, changes=changes) if k.plan.id in chosen else k for k in state.kiosks
    ]
    return replace(state, kiosks=ordered)


def _check_setting(name: str, value: str | float | None) -> None:
    kind = SETTINGS.get(name)
    if kind is None:
        raise FleetError(
            f"{name} is no setting that orders can change", next_step="These can: " + ", ".join(SETTINGS) + "."
        )
    fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if value is not None and not (fits or (kind is float and type(value) is int)):
        raise FleetError(f"{name} takes no {value!r}", next_step=f"Give it as {kind.__name__}.")


def _ordered(
    kiosk: Kiosk,
    bundled: int,
    now: int,
    *,
    mode: Mode | None = None,
    changes: Mapping[str, str | float | None] | None = None,
) -> Kiosk:
    before = kiosk.orders or Standing(version=1, issued_at=now, bundle=bundled)
    settings = {**before.settings, **(changes or {})}
    kept = {
        name: float(value) if SETTINGS[name] is float else value
        for name, value in settings.items()
        if value is not None
    }
    return replace(
        kiosk,
        orders=Standing(
            version=before.version + 1 if kiosk.orders else 1,
            issued_at=max(now, before.issued_at),
            mode=mode or before.mode,
            settings=kept,
            bundle=bundled,
        ),
    )


def orders_for(state: State, kiosk: Kiosk) -> Orders | None:
    """Give the orders of a kiosk as they are signed and sent; None when it has none."""
    if kiosk.orders is None:
        return None
    return Orders(
        fleet=state.fleet,
        kiosk=kiosk.plan.id,
        version=kiosk.orders.version,
        issued_at=kiosk.orders.issued_at,
        mode=kiosk.orders.mode,
        settings=kiosk.orders.settings,
        bundle=state.bundle,
    )


def with_revoked(state: State, kiosk: str, orders: Signer, *, now: int) -> State:
    """Take a kiosk out of service, for good. Raises FleetError when it is already."""
    known = state.kiosk(kiosk)
    if known.revoked_at is not None:
        raise FleetError(f"kiosk {kiosk} was revoked already", next_step="See `homeward-fleet audit`.")
    entries = [
        replace(entry, revoked_at=now) if entry.kiosk == kiosk and entry.revoked_at is None else entry
        for entry in state.registered.keys
    ]
    last = _ordered(known, state.trusted.content.version, now, mode=Mode.WIPE)
    return _with(with_registry(state, entries, orders, now), replace(last, revoked_at=now))


def revoked_certificates(state: State, now: int) -> dict[str, int]:
    """Give the serials that no broker may take any more, with when they ended: what the CRL lists.

    Those of revoked kiosks, and of every claim that was used or replaced.
    """
    found: dict[str, int] = {}
    for kiosk in state.kiosks:
        if kiosk.revoked_at is not None:
            found |= {held.serial: kiosk.revoked_at for held in [*kiosk.certificates, kiosk.claim.certificate]}
        elif kiosk.claim.used_at is not None and not kiosk.claim.may_knock(now):
            found[kiosk.claim.certificate.serial] = kiosk.claim.used_at
        else:
            found |= {held.serial: kiosk.added_at for held in kiosk.certificates}
    return found


def with_intake(state: State, name: str) -> State:
    """Add an intake's name, if it is not there. Raises FleetError."""
    if name in state.intakes:
        return state
    check_name(name, taken=[kiosk.plan.id for kiosk in state.kiosks])
    return replace(state, intakes=[*state.intakes, name])


def with_registry(state: State, entries: list[RegisteredKey], orders: Signer, now: int) -> State:
    """Sign the next registry. Raises FleetError when it isn't this key that signs."""
    check_signs(state, orders)
    content = state.registered
    successor = replace(content, version=content.version + 1, issued_at=max(now, content.issued_at), keys=entries)
    return replace(state, registry=registry.sign(successor, orders))


def _with(state: State, changed: Kiosk) -> State:
    return replace(state, kiosks=[changed if k.plan.id == changed.plan.id else k for k in state.kiosks])
