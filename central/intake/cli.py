"""`homeward-intake`: run an intake, check its set-up, look at gaps and at the quarantine."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from central.intake import chain
from central.intake.amqp_source import AmqpSource
from central.intake.checks import check as check_all
from central.intake.checks import check_fits
from central.intake.core import Intake
from central.intake.metrics import MeasuredCarrier, MeasuredVault, Metrics, served
from central.intake.mqtt_source import MqttSource
from central.intake.receiver import Receiver
from central.intake.settings import IntakeSettings, load
from central.intake.stopping import Stop
from central.store import migrations
from central.store.choice import open_reader, open_store
from central.store.port import Link
from central.terminal import errors_in_words, moment, now
from central.trust import Floor, LiveTrust
from edge_agent.errors import HomewardError, ReplayError, SettingsError, StoreError, WireError
from edge_agent.events import emit
from edge_agent.files import read_signer
from edge_agent.settings import describe
from edge_agent.wire import records

if TYPE_CHECKING:
    from collections.abc import Callable

    from central.intake.receiver import Source
    from central.store.port import Quarantined, Reader, Store

app: Final = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, help=__doc__, rich_markup_mode=None
)
quarantine: Final = typer.Typer(no_args_is_help=True, help="What could not be verified, with the reason.")
app.add_typer(quarantine, name="quarantine")

Config = Annotated[Path, typer.Option("--config", help="The intake's settings, TOML.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for scripts.")]
_STORE_AGAIN_S: Final = 1.0
_BUNDLE, _REGISTRY = "bundle", "registry"


def main() -> None:
    """Run the command line."""
    app()


@app.command()
def run(config: Config) -> None:
    """Receive records until told to stop (SIGTERM); one line of JSON an event on standard output."""
    with errors_in_words():
        stop = Stop()
        stop.listen()
        settings = load(config)
        signer = read_signer(Path(settings.receipt_key))
        metrics = Metrics()
        with ExitStack() as running:
            store = running.enter_context(open_store(settings.store.place, _patience(stop, metrics)))
            trust = _live_trust(settings, store, metrics)
            check_fits(trust.current(), settings)
            source = _source(settings)
            metrics.watch(lambda: source.connected, lambda: len(source.arrivals))
            if settings.metrics is not None:
                running.enter_context(served(metrics, settings.metrics.port))
            receiver = Receiver(source, settings.broker.targets(), stop)
            carrier = MeasuredCarrier(receiver, metrics)
            receiver.run(Intake(MeasuredVault(store, metrics), trust, signer, now, carrier))


def _source(settings: IntakeSettings) -> Source[Any]:
    if settings.broker.amqp is not None:
        return AmqpSource(settings.broker, settings.broker.amqp)
    return MqttSource(settings.broker, settings.fleet)


def _patience(stop: Stop, metrics: Metrics) -> Callable[[StoreError], bool]:
    """Wait for a store that is away, and say so; kiosks keep their records meanwhile."""

    def try_again(fault: StoreError) -> bool:
        emit("store_unavailable", problem=fault.what)
        metrics.store_waits()
        return not stop.wait(_STORE_AGAIN_S)

    return try_again


def _live_trust(settings: IntakeSettings, store: Store, metrics: Metrics) -> LiveTrust:
    def adopted(floor: Floor) -> None:
        store.raise_floor(_BUNDLE, floor.bundle)
        store.raise_floor(_REGISTRY, floor.registry)
        metrics.adopted(floor)
        emit("trust_adopted", bundle=floor.bundle, registry=floor.registry)

    def refused(fault: HomewardError) -> None:
        emit("trust_refused", code=fault.code, problem=fault.what)

    floor = Floor(store.floor(_BUNDLE), store.floor(_REGISTRY))
    return LiveTrust(settings.trust.files(), floor, adopted=adopted, refused=refused)


@app.command()
def check(config: Config) -> None:
    """Check the settings, the keys, the trust, the store and the broker; explain each problem."""
    with errors_in_words():
        settings = load(config)
    sound = True
    for result in check_all(settings, now()):
        if result.problem is None:
            print(f"ok       {result.part}: {result.found}")
        else:
            sound = False
            print(f"problem  {result.part}: {result.problem.explain()}")
    raise typer.Exit(0 if sound else 1)


@app.command()
def migrate(config: Config) -> None:
    """Make the schema of a PostgreSQL store, or carry it up to this release; as the database's owner."""
    with errors_in_words():
        store = load(config).store
        if store.owner is None:
            raise SettingsError(
                "nothing says who owns the store's schema",
                next_step="Set `store.owner`: the same database, as its owner. A SQLite file needs no migration.",
            )
        migrations.apply(store.owner)
        print(f"The schema is at {migrations.head()}.")


@app.command()
def settings() -> None:
    """List every setting with its meaning, its unit and its default."""
    print(describe(IntakeSettings))


@app.command()
def gaps(config: Config, as_json: Json = False) -> None:
    """Say what is missing, broken or forked in each kiosk's chain of records."""
    with errors_in_words(), open_reader(load(config).store.place) as store:
        refused = _refused_places(store)
        for kiosk in store.kiosks():
            links = store.chain(kiosk)
            findings = chain.examine(links, store.reach(kiosk), refused.get(kiosk, ()))
            if as_json:
                print(json.dumps({"kiosk": kiosk, "records": len(links), "findings": [_plain(f) for f in findings]}))
                continue
            print(f"{kiosk}: {len(links)} records, {'nothing missing' if not findings else ''}".rstrip(", "))
            for finding in findings:
                print(f"  {_words(finding)}")


def _refused_places(store: Reader) -> dict[str, list[Link]]:
    """Find the places of the records whose signature held, but whose place or id was taken; by kiosk."""
    places: dict[str, list[Link]] = {}
    for entry in store.quarantined():
        raw = store.quarantined_bytes(entry.number) if entry.reason == ReplayError.code else None
        if raw is not None:
            claims = records.parse(raw).claims
            places.setdefault(claims.kiosk, []).append(Link(claims.epoch, claims.seq, claims.previous, entry.sha256))
    return places


def _words(finding: chain.Finding) -> str:
    match finding:
        case chain.Missing(epoch, first, last):
            numbers = f"number {first} is" if first == last else f"numbers {first} to {last} are"
            return f"epoch {epoch.hex()[:8]}: {numbers} missing"
        case chain.Broken(epoch, seq):
            return f"epoch {epoch.hex()[:8]}: number {seq} names another record before it than the one that is here"
        case chain.Forked(epoch, seq):
            return f"epoch {epoch.hex()[:8]}: number {seq} was signed more than once; see the quarantine"


def _plain(finding: chain.Finding) -> dict[str, str | int]:
    match finding:
        case chain.Missing(epoch, first, last):
            return {"finding": "missing", "epoch": epoch.hex(), "first": first, "last": last}
        case chain.Broken(epoch, seq):
            return {"finding": "broken", "epoch": epoch.hex(), "seq": seq}
        case chain.Forked(epoch, seq):
            return {"finding": "forked", "epoch": epoch.hex(), "seq": seq}


@quarantine.command("list")
def quarantine_list(config: Config, as_json: Json = False) -> None:
    """List what is in quarantine."""
    with errors_in_words(), open_reader(load(config).store.place) as store:
        for entry in store.quarantined():
            if as_json:
                print(json.dumps(_facts(entry)))
            else:
                times = f"{entry.arrivals} times, last" if entry.arrivals > 1 else "once,"
                print(
                    f"{entry.number:>6}  {entry.reason:<16} {entry.topic}  {entry.size} bytes, "
                    f"{times} {moment(entry.last_at)}"
                )


@quarantine.command("show")
def quarantine_show(
    number: Annotated[int, typer.Argument(help="The entry's number, as `list` gives it.")],
    config: Config,
    raw: Annotated[bool, typer.Option("--raw", help="Write the bytes themselves to standard output.")] = False,
) -> None:
    """Show one entry of the quarantine: why it is there, and what its bytes claim to be."""
    with errors_in_words(), open_reader(load(config).store.place) as store:
        content = store.quarantined_bytes(number)
        entry = next((entry for entry in store.quarantined() if entry.number == number), None)
        if content is None or entry is None:
            raise StoreError(f"nothing in quarantine has number {number}", next_step="See `quarantine list`.")
        if raw:
            sys.stdout.buffer.write(content)
            return
        for name, fact in (_facts(entry) | {"explanation": entry.explanation} | _claimed(content)).items():
            print(f"{name}: {fact}")


def _facts(entry: Quarantined) -> dict[str, str | int]:
    return {
        "number": entry.number,
        "reason": entry.reason,
        "topic": entry.topic,
        "sha256": entry.sha256.hex(),
        "size": entry.size,
        "arrivals": entry.arrivals,
        "first_at": entry.first_at,
        "last_at": entry.last_at,
    }


def _claimed(content: bytes) -> dict[str, str | int]:
    """Say what bytes that have the form of a record claim. Nothing of it is believed."""
    try:
        claims = records.parse(content).claims
    except WireError:
        return {}
    return {
        "claims record": claims.record_id.hex(),
        "claims kiosk": claims.kiosk,
        "claims number": claims.seq,
        "claims epoch": claims.epoch.hex(),
    }
