"""`homeward-intake`: run an intake, check its set-up, look after what it keeps."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from central.intake import commands_ends, commands_quarantine, commands_records
from central.intake.amqp_source import AmqpSource
from central.intake.checks import check as check_all
from central.intake.checks import check_fits
from central.intake.core import Intake
from central.intake.documents import Documents, Follower
from central.intake.metrics import MeasuredCarrier, MeasuredVault, Metrics, served
from central.intake.mqtt_source import MqttSource
from central.intake.office import OfficeWindow
from central.intake.options import Config
from central.intake.presence import presence
from central.intake.receiver import Receiver
from central.intake.settings import IntakeSettings, load
from central.intake.stopping import Stop
from central.intake.upkeep import Upkeep
from central.store.choice import alone, open_reader, open_store
from central.store.sqlite_writer import SqliteStore
from central.times import now
from central.trust import Floor, LiveTrust
from edge_agent.errors import HomewardError, SettingsError, StoreError, errors_in_words
from edge_agent.events import emit
from edge_agent.files import read_signer
from edge_agent.settings import describe
from edge_agent.wire.roll import What

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from central.intake.receiver import Source
    from central.store.port import Store

app: Final = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, help=__doc__, rich_markup_mode=None
)
for commands in (commands_records, commands_ends, commands_quarantine):
    commands.join(app)

_STORE_AGAIN_S: Final = 1.0


def main() -> None:
    """Run the command line."""
    app()


@app.command()
def run(config: Config) -> None:
    """Receive records until told to stop (SIGTERM).

    One line of JSON an event on standard output.
    """
    with errors_in_words():
        stop = Stop()
        stop.listen()
        settings = load(config)
        signer = read_signer(Path(settings.receipt_key))
        metrics = Metrics()
        with ExitStack() as running:
            place = settings.store.place
            running.enter_context(alone(place))
            store = running.enter_context(open_store(place, _patience(stop, metrics)))
            documents = Documents(store, settings.trust.files())
            documents.begin()
            trust = _live_trust(settings, store, documents, metrics)
            check_fits(trust.current(), settings)
            office = OfficeWindow(
                settings.fleet,
                documents,
                trust,
                signer,
                now,
                lambda: open_reader(place),
                presence(settings.broker),
            )
            running.callback(office.close)
            source = _source(settings, office.filters)
            metrics.watch(lambda: source.connected, lambda: len(source.arrivals))
            if settings.metrics is not None:
                running.enter_context(served(metrics, settings.metrics.port))
            before: list[Callable[[], None]] = [Follower(documents, trust, now)]
            if isinstance(store, SqliteStore):
                before.append(Upkeep(store, now))
            receiver = Receiver(source, settings.broker.targets(), stop, before)
            carrier = MeasuredCarrier(receiver, metrics)
            receiver.run(Intake(MeasuredVault(store, metrics), trust, signer, now, carrier, office))


def _source(settings: IntakeSettings, more: Sequence[str]) -> Source[Any]:
    if settings.broker.amqp is not None:
        return AmqpSource(settings.broker, settings.broker.amqp)
    return MqttSource(settings.broker, settings.fleet, more)


def _patience(stop: Stop, metrics: Metrics) -> Callable[[StoreError], bool]:
    """Wait for a store that is away, and say so; kiosks keep their records meanwhile."""

    def try_again(fault: StoreError) -> bool:
        emit("store_unavailable", problem=fault.what)
        metrics.store_waits()
        return not stop.wait(_STORE_AGAIN_S)

    return try_again


def _live_trust(settings: IntakeSettings, store: Store, documents: Documents, metrics: Metrics) -> LiveTrust:
    def adopted(floor: Floor) -> None:
        store.raise_floor(What.BUNDLE.value, floor.bundle)
        store.raise_floor(What.REGISTRY.value, floor.registry)
        documents.offer()
        metrics.adopted(floor)
        emit("trust_adopted", bundle=floor.bundle, registry=floor.registry)

    def refused(fault: HomewardError) -> None:
        emit("trust_refused", code=fault.code, problem=fault.what)

    floor = Floor(store.floor(What.BUNDLE.value), store.floor(What.REGISTRY.value))
    return LiveTrust(settings.trust.files(), floor, adopted=adopted, refused=refused)


@app.command()
def check(config: Config) -> None:
    """Check the set-up: settings, keys, trust, store and broker.

    Each problem is explained.
    """
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
    """Make a PostgreSQL store's schema, or carry it up to date.

    As the database's owner.
    """
    from central.store import migrations  # noqa: PLC0415  # half a second, and `run` needs none of it

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
