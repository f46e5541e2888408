"""The commands about the end of records: expiring, expire, withdraw."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from central import trust
from central.intake.checks import check_fits
from central.intake.core import taken_back
from central.intake.options import Config, Json
from central.intake.settings import load
from central.store.choice import open_keeper, open_reader, open_store
from central.store.port import Fate, Recall
from central.times import moment, now
from edge_agent.errors import LocalError, ReplayError, WireError, WrongSignerError, errors_in_words
from edge_agent.files import PUBLIC, read_signer, write_whole
from edge_agent.wire import receipts, withdrawal
from edge_agent.wire.receipts import Receipt

if TYPE_CHECKING:
    from central.store.choice import Place
    from central.store.port import Kept
    from edge_agent.wire.bundle import TrustedBundle
    from edge_agent.wire.withdrawal import DeskWithdrawal

_DAY_S: Final = 86_400


def join(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command()(expiring)
    app.command()(expire)
    app.command()(withdraw)


def expiring(
    config: Config,
    days: Annotated[int, typer.Option("--days", min=0, help="How many days to look ahead.")] = 14,
    as_json: Json = False,
) -> None:
    """Name the records that end soon, the first to end first.

    A caseworker who still needs one has until then to ask the person again.
    """
    with errors_in_words(), open_reader(load(config).store.place) as store:
        ending = sorted(store.ended(now() + days * _DAY_S), key=lambda kept: kept.ends_at or 0)
    _tell(ending, as_json=as_json)
    if not as_json:
        print(f"{len(ending)} records end within {days} days.")


def expire(
    config: Config,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be erased, and erase nothing.")] = False,
    orphans: Annotated[
        bool, typer.Option("--orphans", help="Also delete objects of which no row speaks, a day old or more.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Erase what has ended.

    Of each such record a tombstone stays, without personal data.

    Run it daily where records are in PostgreSQL; there it needs `store.owner`, and takes whole days that are over. An
    intake that runs on a SQLite file does it by itself. The intake may run meanwhile.
    """
    if dry_run and orphans:
        raise typer.BadParameter("--dry-run looks for no orphans: leave --orphans out")
    with errors_in_words():
        place = load(config).store.place
        if dry_run:
            _tell_ended(place, now(), as_json=as_json)
            return
        with open_keeper(place) as keeper:
            done = keeper.erase_ended(now())
            swept = keeper.sweep(now() - _DAY_S) if orphans else 0
    facts = {"records": done.records, "quarantined": done.quarantined} | ({"orphans": swept} if orphans else {})
    words = f"Erased {done.records} records and {done.quarantined} entries of the quarantine."
    words += f" Deleted {swept} orphans." if orphans else ""
    print(json.dumps(facts) if as_json else words)


def _tell_ended(place: Place, at: int, *, as_json: bool) -> None:
    """Say what `expire` would erase, and then how many of each."""
    with open_reader(place) as store:
        ended = list(store.ended(at))
        quarantined = sum(entry.ends_at <= at for entry in store.quarantined())
    _tell(ended, as_json=as_json)
    words = f"Would erase {len(ended)} records and {quarantined} entries of the quarantine."
    print(json.dumps({"records": len(ended), "quarantined": quarantined}) if as_json else words)


def _tell(records: list[Kept], *, as_json: bool) -> None:
    for kept in records:
        if as_json:
            print(json.dumps({"record_id": kept.record_id.hex(), "kiosk": kept.kiosk, "ends_at": kept.ends_at}))
        else:
            print(f"{moment(kept.ends_at or 0)}  {kept.kiosk:<32}  {kept.record_id.hex()}")


def withdraw(
    file: Annotated[Path, typer.Argument(help="The signed withdrawal, as a caseworker's desk made it.")],
    config: Config,
    receipt: Annotated[Path | None, typer.Option("--receipt", help="Where to write the signed receipt.")] = None,
) -> None:
    """Take a record back for somebody who telephoned.

    It is erased here, and answered with a signed receipt.

    The intake may run meanwhile.
    """
    with errors_in_words():
        settings = load(config)
        signer = read_signer(Path(settings.receipt_key))
        trusted = trust.load(settings.trust.files())
        check_fits(trusted, settings)
        raw = _read(file)
        content = _trusted(file, raw, trusted.bundle)
        at = now()
        with open_store(settings.store.place, lambda _: False) as store:
            (fate,) = store.commit([Recall(raw, content)], at).result()
        _check(fate)
        entry = taken_back(content.withdraws, fate)
        if receipt is not None:
            signed = receipts.sign(Receipt(kiosk=content.kiosk, at=at, entries=[entry]), signer)
            write_whole(receipt, signed, mode=PUBLIC, replace=True)
    record = f"Record {content.withdraws.record_id.hex()} of {content.kiosk}"
    print(
        f"{record} is erased here."
        if fate is Fate.ERASED
        else f"{record} never came here, and won't be kept if it does."
    )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as fault:
        raise LocalError(f"{file} can't be read: {fault.strerror}", next_step="Check its place and rights.") from fault


def _trusted(file: Path, raw: bytes, bundle: TrustedBundle) -> DeskWithdrawal:
    try:
        return withdrawal.trust_desk(raw, bundle)
    except WireError as fault:
        raise LocalError(
            f"{file} is no withdrawal that this fleet believes: {fault.what}",
            next_step="Nothing was erased. Make it with `homeward-desk withdraw`, by a desk that the bundle allows it.",
        ) from fault


def _check(fate: Fate) -> None:
    """Raise the WireError of a withdrawal that erased nothing."""
    fault: WireError
    if fate is Fate.FOREIGN:
        fault = WrongSignerError("the record is another kiosk's than the withdrawal says", next_step=_LOOK)
    elif fate is Fate.REPLAYED:
        fault = ReplayError("the record that is here is not the one that the withdrawal names", next_step=_LOOK)
    else:
        return
    raise fault


_LOOK: Final = "Nothing was erased. Make the withdrawal again, from the record itself."
