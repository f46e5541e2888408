"""What a fleet is. What may become of it stands in `decisions/`.

All that is in force stands in one `State`, the signed documents included, so that one rename is the moment at which an
act has happened. Nothing in it is secret: keys are in the two key files, and a claim's secret is derived when it is
needed. Times are in seconds since 1970.
"""

from __future__ import annotations

import functools
import zoneinfo
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from cryptography import x509
from msgspec.structs import replace

from edge_agent import authorities
from edge_agent.errors import LocalError
from edge_agent.pins import Pins
from edge_agent.wire import bundle, cose, registry
from edge_agent.wire.documents import from_cbor
from edge_agent.wire.orders import Mode, OrderedNotice
from edge_agent.wire.topics import Id
from provisioning.audit import Entry
from provisioning.languages import phrase

if TYPE_CHECKING:
    from edge_agent.wire.bundle import TrustedBundle
    from edge_agent.wire.registry import RegistryContent

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
    screen: bool = False
    voice: bool = True
    pins: Pins = Pins()

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
    notice: OrderedNotice | None = None  # none: the words that the kiosk came with
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
    CA = "ca"  # the device CA, which certifies kiosks and servers


@functools.lru_cache(maxsize=4)
def _read(pem: str) -> tuple[x509.Certificate, ...]:
    """Read CAs once: each kiosk's orders name them."""
    return tuple(x509.load_pem_x509_certificates(pem.encode()))


class State(Part, frozen=True, kw_only=True):
    """All of a fleet but its keys. `root` is the root's point in hexadecimal.

    `authority` and `crl` are PEM: the CA that certifies, the other one after it while they overlap; a CRL of each.
    """

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
    cluster: bool = False  # whether a RabbitMQ was given its files: it then gets the newer ones, too
    broker_files: str = ""  # the folder of a mosquitto on this very computer
    switched: list[Turn] = []  # of which the newer of two keys signs already

    @property
    def trusted(self) -> TrustedBundle:
        """The bundle in force, verified. Raises a WireError when the root did not sign it."""
        return _trusted(self.bundle, self.root)

    @property
    def registered(self) -> RegistryContent:
        """The registry in force, verified. Raises a WireError."""
        return _registered(self.registry, self.bundle, self.root)

    @property
    def authorities(self) -> list[x509.Certificate]:
        """The CAs that the fleet trusts, first the one that certifies."""
        return list(_read(self.authority))

    def named(self, turn: Turn) -> list[bytes]:
        """Give the keys that are believed, the older one first; two while they overlap."""
        if turn is Turn.CA:
            points = [authorities.point(one) for one in self.authorities]
            return points[::-1] if turn in self.switched else points
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
        raise FleetError(
            phrase("the fleet has no kiosk {kiosk}", kiosk=repr(kiosk)), next_step=phrase("See `homeward-fleet list`.")
        )

    def having(self, changed: Kiosk) -> State:
        """Give the fleet with this kiosk in the place of the one with its id."""
        return replace(self, kiosks=[changed if k.plan.id == changed.plan.id else k for k in self.kiosks])

    def condition(self, kiosk: Kiosk, now: int) -> Condition:
        """Say how a kiosk stands."""
        if kiosk.revoked_at is not None:
            return Condition.REVOKED
        if kiosk.claim.used_at is not None:
            return Condition.IN_SERVICE
        return Condition.WAITING if kiosk.claim.is_open(now) else Condition.CARD_EXPIRED

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


# Each act and each page asks several times, and checking a large fleet's registry takes longer than all the rest.


@functools.lru_cache(maxsize=4)
def _trusted(signed: bytes, root: str) -> TrustedBundle:
    return bundle.trust(signed, bytes.fromhex(root))


@functools.lru_cache(maxsize=4)
def _registered(signed: bytes, bundled: bytes, root: str) -> RegistryContent:
    limit = registry.RegistryContent.MAX_BYTES
    payload = cose.verify1(signed, registry.TYPE, _trusted(bundled, root).order_key, max_bytes=limit)
    return from_cbor(payload, registry.RegistryContent)
