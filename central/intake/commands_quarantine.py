"""The commands of the quarantine: list, show, retry."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Final

import typer

from central import trust
from central.intake.core import judge
from central.intake.options import Config, Json
from central.intake.progress import counted
from central.intake.settings import load
from central.store.choice import open_reader, open_store
from central.store.port import Fate, Sealed
from central.times import moment, now
from edge_agent.errors import StoreError, WireError, errors_in_words
from edge_agent.wire import records

if TYPE_CHECKING:
    from central.store.port import Quarantined

_TIMES: Final = ("first_at", "last_at", "ends_at")
Number = Annotated[int, typer.Argument(help="The entry's number, as `list` gives it.")]


def join(app: typer.Typer) -> None:
    """Give the command line these commands."""
    quarantine = typer.Typer(no_args_is_help=True, help="What could not be verified, with the reason.")
    quarantine.command("list")(quarantine_list)
    quarantine.command("show")(quarantine_show)
    quarantine.command("retry")(quarantine_retry)
    app.add_typer(quarantine, name="quarantine")


def quarantine_list(config: Config, as_json: Json = False) -> None:
    """List what is in quarantine."""
    with errors_in_words(), open_reader(load(config).store.place) as store:
        entries = list(store.quarantined())
        for entry in entries:
            if as_json:
                print(json.dumps(_facts(entry)))
            else:
                times = f"{entry.arrivals} times, last" if entry.arrivals > 1 else "once,"
                print(
                    f"{entry.number:>6}  {entry.reason:<16} {entry.topic}  {entry.size} bytes, "
                    f"{times} {moment(entry.last_at)}"
                )
        if not entries and not as_json:
            print("Nothing is in quarantine.")


def quarantine_show(
    number: Number,
    config: Config,
    as_json: Json = False,
    raw: Annotated[bool, typer.Option("--raw", help="Write the bytes themselves to standard output.")] = False,
) -> None:
    """Show one entry: why it is there, and what its bytes claim to be."""
    with errors_in_words(), open_reader(load(config).store.place) as store:
        content = store.quarantined_bytes(number)
        entry = next((entry for entry in store.quarantined() if entry.number == number), None)
        if content is None or entry is None:
            raise StoreError(f"nothing in quarantine has number {number}", next_step="See `quarantine list`.")
        if raw:
            sys.stdout.buffer.write(content)
            return
        facts = _facts(entry) | {"ends_at": entry.ends_at} | {"explanation": entry.explanation} | _claimed(content)
        if as_json:
            print(json.dumps(facts))
            return
        facts |= {name: moment(int(fact)) for name, fact in facts.items() if name in _TIMES}
        for name, fact in facts.items():
            print(f"{name.replace('_', ' ')}: {fact}")


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
        "claims_record": claims.record_id.hex(),
        "claims_kiosk": claims.kiosk,
        "claims_number": claims.seq,
        "claims_epoch": claims.epoch.hex(),
    }


def quarantine_retry(
    config: Config, number: Annotated[int | None, typer.Argument(help="One entry; all otherwise.")] = None
) -> None:
    """Verify again with today's registry, and store what holds now.

    Its kiosk learns of it when it sends the record again, as it does until somebody keeps it.
    """
    with errors_in_words():
        settings = load(config)
        registry = trust.load(settings.trust.files()).registry
        with open_store(settings.store.place, lambda _: False) as store:
            entries = [entry for entry in store.quarantined() if number in (None, entry.number)]
            if number is not None and not entries:
                raise StoreError(f"nothing in quarantine has number {number}", next_step="See `quarantine list`.")
            fates: Counter[Fate] = Counter()
            for entry in counted(entries, "verified again"):
                again = judge(entry.topic, store.quarantined_bytes(entry.number) or b"", registry)
                if isinstance(again, Sealed):
                    fates.update(store.commit([again], now()).result())
    left = len(entries) - fates.total() + fates[Fate.REPLAYED] + fates[Fate.FOREIGN]
    taken = ", ".join(f"{count} {fate}" for fate, count in sorted(fates.items())) or "nothing"
    print(f"Verified {len(entries)} again: {taken}; {left} stay in quarantine.")
