"""The commands about records that are kept: gaps, verify, export."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from central import trust
from central.intake import chain
from central.intake.options import Config, Json
from central.intake.progress import counted
from central.intake.settings import load
from central.store.choice import open_reader
from central.store.port import Link
from central.times import moment
from edge_agent.errors import AlteredError, LocalError, ReplayError, RevokedError, WireError, errors_in_words
from edge_agent.files import write_whole
from edge_agent.wire import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from central.store.choice import Place
    from central.store.port import Kept, Reader, Tombstone
    from edge_agent.wire.registry import Registry

To = Annotated[Path | None, typer.Option("--to", help="A folder for files; without it, JSON lines on standard output.")]


def join(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command()(gaps)
    app.command()(verify)
    app.command()(export)


def gaps(config: Config, as_json: Json = False) -> None:
    """Say what is missing, broken or forked in each kiosk's chain."""
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
        case chain.Missing(epoch, first, last, since):
            numbers = f"number {first} is" if first == last else f"numbers {first} to {last} are"
            when = "" if since is None else f" since {moment(since)}"
            return f"epoch {epoch.hex()[:8]}: {numbers} missing{when}"
        case chain.Broken(epoch, seq):
            return f"epoch {epoch.hex()[:8]}: number {seq} names another record before it than the one that is here"
        case chain.Forked(epoch, seq):
            return f"epoch {epoch.hex()[:8]}: number {seq} was signed more than once; see the quarantine"


def _plain(finding: chain.Finding) -> dict[str, str | int | None]:
    match finding:
        case chain.Missing(epoch, first, last, since):
            return {"finding": "missing", "epoch": epoch.hex(), "first": first, "last": last, "since": since}
        case chain.Broken(epoch, seq):
            return {"finding": "broken", "epoch": epoch.hex(), "seq": seq}
        case chain.Forked(epoch, seq):
            return {"finding": "forked", "epoch": epoch.hex(), "seq": seq}


def verify(config: Config, as_json: Json = False) -> None:
    """Check every record that is kept once more.

    Its hash, its form, its signature, and that it is its kiosk's.

    Ends with status 1 when one does not hold. How far it is stands on standard error.
    """
    checked, wrong = 0, 0
    with errors_in_words():
        settings = load(config)
        registry = trust.load(settings.trust.files()).registry
        with open_reader(settings.store.place) as store, open_reader(settings.store.place) as beside:
            for kept in counted(store.records(), "checked"):
                fault = _fault(kept, beside.sealed(kept.record_id), registry)
                checked += 1
                if fault is not None:
                    wrong += 1
                    facts = {"record_id": kept.record_id.hex(), "kiosk": kept.kiosk, "problem": fault.code}
                    what = f"{kept.record_id.hex()} of {kept.kiosk}: {fault.what}"
                    print(json.dumps(facts) if as_json else what)
    print(json.dumps({"checked": checked, "wrong": wrong}) if as_json else f"{checked} records checked, {wrong} wrong.")
    raise typer.Exit(1 if wrong else 0)


def _fault(kept: Kept, sealed: bytes | None, registry: Registry) -> WireError | None:
    """Say what is wrong with a record, None when nothing is. One that came before its kiosk was revoked is right."""
    try:
        if sealed is None or hashlib.sha256(sealed).digest() != kept.sha256:
            raise AlteredError("its bytes are not those that were taken in")
        record = records.parse(sealed)
        if (record.claims.record_id, record.claims.kiosk) != (kept.record_id, kept.kiosk):
            raise AlteredError("it stands under another name than its own")
        registry.verify(record)
    except RevokedError:
        return None
    except WireError as fault:
        return fault
    return None


def export(config: Config, to: To = None) -> None:
    """Give sealed records and their claims to another system.

    With the tombstones of what was erased.

    In a folder, ID.cose holds a record as it was sealed, ID.json its claims, ID.erased.json a tombstone; what was
    erased since the last time is erased there too. As JSON lines, `sealed` is base64. How far it is stands on standard
    error.
    """
    with errors_in_words(), open_reader(place := load(config).store.place) as store:
        if to is None:
            for line in _lines(store, place):
                print(json.dumps(line))
            return
        _export_to(to, store, place)


def _lines(store: Reader, place: Place) -> Iterator[dict[str, Any]]:
    with open_reader(place) as beside:
        for kept in counted(store.records(), "exported"):
            sealed = beside.sealed(kept.record_id)
            if sealed is not None:  # erased since
                yield _claims(kept, sealed) | {"sealed": base64.b64encode(sealed).decode()}
    for tombstone in store.tombstones():
        yield _erased(tombstone)


def _export_to(folder: Path, store: Reader, place: Place) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new, erased = 0, 0
        with open_reader(place) as beside:
            for kept in counted(store.records(), "looked at"):
                sealed_file = folder / f"{kept.record_id.hex()}.cose"
                sealed = None if sealed_file.exists() else beside.sealed(kept.record_id)
                if sealed is not None:
                    _write(folder / f"{kept.record_id.hex()}.json", _claims(kept, sealed))
                    write_whole(sealed_file, sealed)  # last: with it, the record counts as exported
                    new += 1
        for tombstone in store.tombstones():
            name = tombstone.record_id.hex()
            for file in (folder / f"{name}.cose", folder / f"{name}.json"):
                file.unlink(missing_ok=True)
            if not (folder / f"{name}.erased.json").exists():
                _write(folder / f"{name}.erased.json", _erased(tombstone))
                erased += 1
    except OSError as fault:
        raise LocalError(
            f"{folder}: {fault.strerror}", next_step="Check its place, its rights and its space."
        ) from fault
    print(f"{new} new records and {erased} new tombstones in {folder}.")


def _write(file: Path, facts: dict[str, Any]) -> None:
    write_whole(file, json.dumps(facts, indent=2).encode() + b"\n", replace=True)


def _claims(kept: Kept, sealed: bytes) -> dict[str, Any]:
    claims = records.parse(sealed).claims
    return {
        "record_id": kept.record_id.hex(),
        "kiosk": kept.kiosk,
        "issued_at": kept.issued_at,
        "arrived_at": kept.arrived_at,
        "ends_at": kept.ends_at,
        "sha256": kept.sha256.hex(),
        "epoch": claims.epoch.hex(),
        "seq": claims.seq,
        "previous": claims.previous.hex(),
        "withdraws": kept.withdraws and kept.withdraws.hex(),
    }


def _erased(tombstone: Tombstone) -> dict[str, Any]:
    return {
        "record_id": tombstone.record_id.hex(),
        "kiosk": tombstone.kiosk,
        "issued_at": tombstone.issued_at,
        "arrived_at": tombstone.arrived_at,
        "ends_at": tombstone.ends_at,
        "erased_at": tombstone.erased_at,
        "because": tombstone.because,
    }
