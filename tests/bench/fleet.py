"""What single acts cost in a fleet of ten, of a thousand and of ten thousand; and a thousand kiosks, added and enrolled
by script against one mosquitto: what it takes, and how that grows.

The kiosks' side is made beforehand where it can be (keys, requests); each then connects with its card's own
certificate, asks, and waits for its answer. The office approves fifties, as a person does who has fifty kiosks on the
table.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge_agent.enrolment.certificates import make_request
from edge_agent.mqtt import no_delay
from edge_agent.wire import enrolment
from edge_agent.wire.topics import Door, door
from provisioning.acts import cards, orders, revocation
from provisioning.acts import enrolment as enrolment_acts
from provisioning.certificates import Identity
from provisioning.fleet_directory import FleetDirectory
from provisioning.fleet_view import rows
from provisioning.front_desk import FrontDesk
from provisioning.office import Office
from provisioning.office_link import OfficeLink, tls
from provisioning.terminal import system_clock
from tests.bench.figures import Figure, at_most, main, told
from tests.bench.large_fleet import fleet_of
from tests.unit.provisioning.place import Place
from tests.unit.provisioning.test_nothing_half_done import plan
from tests.unit.provisioning.world import OFFICE

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = (10, 1_000, 10_000)
ROUNDS = 7
UNNOTICED_S = 1.0  # up to here nobody's thought is interrupted; Nielsen, Usability Engineering, 1993, ch. 5
KIOSKS = 1000
AT_ONCE = 50
PATIENCE_S = 600.0
LINEAR = 1.5  # the second half may take this much of the first: noise, and no more than that


class Newcomer:
    """One kiosk at its first boot, as far as the network sees it."""

    def __init__(self, authority, card: Path, port: int) -> None:
        table = tomllib.loads((card / "courier" / "first-boot.toml").read_text(encoding="utf-8"))["claim"]
        keys = [make_request(ec.generate_private_key(ec.SECP256R1()), card.name) for _ in range(2)]
        asked = enrolment.Request(fleet="coast", kiosk=card.name, name=table["id"], signing=keys[0], tls=keys[1])
        self.raw = enrolment.apply(asked, bytes.fromhex(table["secret"]))
        self.answer: bytes | None = None
        self.claim, self.port = table["id"], port
        self.client = Client(CallbackAPIVersion.VERSION2, self.claim, protocol=MQTTProtocolVersion.MQTTv5)
        files = [(card / "courier" / name).read_bytes() for name in ("claim.pem", "claim.key")]
        self.client.tls_set_context(tls(authority.trusted, Identity(*files)))
        self.client.on_socket_open = no_delay
        self.client.on_connect = lambda client, *_: client.subscribe(door("coast", self.claim, Door.REPLY), qos=1)
        self.client.on_subscribe = lambda client, *_: client.publish(
            door("coast", self.claim, Door.REQUEST), self.raw, qos=1
        )
        self.client.on_message = self._on_message

    def _on_message(self, _client, _data, message) -> None:
        self.answer = bytes(message.payload)

    def begin(self) -> None:
        self.client.connect("127.0.0.1", self.port)
        self.client.loop_start()

    def end(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def enrol(desk: FrontDesk, newcomers: list[Newcomer]) -> None:
    for newcomer in newcomers:
        newcomer.begin()
    wait(lambda: desk.tend(0.05) or len(desk.pending) == len(newcomers))
    desk.approve(desk.pending)
    wait(lambda: desk.tend(0.01) or all(newcomer.answer for newcomer in newcomers))
    for newcomer in newcomers:
        newcomer.end()


def wait(condition) -> None:
    given_up_at = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < given_up_at, "the kiosks were not answered"


def single_acts(folder: Path, kiosks: int) -> dict[str, list[float]]:
    """Time each act on one kiosk, again and again, in a fleet of so many; the keys are open already."""
    office = Office(FleetDirectory(fleet_of(folder / str(kiosks), kiosks)), "bench", system_clock(), clock=system_clock)
    keys = office.keys(OFFICE)
    took: dict[str, list[float]] = {}

    def timed(act, run):
        began = time.monotonic()
        run(office.later())
        took.setdefault(act, []).append(time.monotonic() - began)

    for number in range(ROUNDS):
        name, card = f"new-{number}", folder / f"card-{kiosks}-{number}" / f"new-{number}"
        card.parent.mkdir()
        timed("add", lambda at, name=name, card=card: cards.add(at, plan(name), keys, card, card.with_suffix(".pdf")))
        newcomer = Newcomer(keys.authority, card, 0)
        asks = enrolment_acts.consider(office, newcomer.claim, newcomer.raw, keys)
        timed("approve", lambda at, asks=asks: enrolment_acts.approve(at, [asks], keys))
        timed("order", lambda at, name=name: orders.order(at, [name], keys, changes={"delivery.window": 8}))
        timed("revoke", lambda at, name=name: revocation.out_of_service(at, name, keys))
    return took


def acts() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="homeward-bench-") as folder:
        costs = {kiosks: single_acts(Path(folder), kiosks) for kiosks in SIZES}
        for act in costs[SIZES[0]]:
            for kiosks in SIZES:
                cost = statistics.median(costs[kiosks][act])
                name = f"{act} one kiosk in a fleet of {kiosks:,}, median"
                yield at_most(name, cost, UNNOTICED_S, "s") if kiosks == SIZES[-1] else told(name, cost, "s")


def measure() -> Iterator[Figure]:
    yield from acts()
    yield from enrolments()


def enrolments() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="homeward-bench-") as folder:
        place = Place(Path(folder))
        office = Office(FleetDirectory(place.fleet), "bench", system_clock(), clock=system_clock)
        keys = office.keys(OFFICE)
        names = [f"kiosk-{number:04}" for number in range(KIOSKS)]
        began = time.monotonic()
        written = Path(folder) / "cards"
        cards.add_many(office.later(), [plan(name) for name in names], keys, written)
        added_s = time.monotonic() - began
        yield told(f"{KIOSKS:,} kiosks added in one act, with cards and labels", added_s, "s")
        place.copy("broker", "acl")
        took: list[float] = []
        with place.mosquitto(), OfficeLink(keys.authority, "coast", [place.broker], office.time) as link:
            desk = FrontDesk(office.later, keys, link)
            for start in range(0, KIOSKS, AT_ONCE):
                here = [Newcomer(keys.authority, written / name, place.port) for name in names[start : start + AT_ONCE]]
                began = time.monotonic()
                enrol(desk, here)  # only these have their files open: paho waits by select, which ends at 1,024
                took.append(time.monotonic() - began)
        state = office.state()
        assert len(state.in_service) == KIOSKS
        assert len(state.registered.keys) == KIOSKS
        half = len(took) // 2
        yield told(f"{KIOSKS:,} kiosks enrolled over MQTT, fifty at a time", sum(took), "s")
        yield at_most("the second five hundred over the first", sum(took[half:]) / sum(took[:half]), LINEAR, "x")
        began = time.monotonic()
        assert len(rows(office.state(), None, office.now)) == KIOSKS
        yield told("the fleet read and sorted by need", (time.monotonic() - began) * 1000, "ms")
        yield told("memory of it all at its highest", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MiB")


if __name__ == "__main__":
    main(__doc__ or "", measure)
