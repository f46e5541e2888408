"""The desk's commands about the end of a report: withdraw, expire."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Final

import typer

from central.desk import keyfile, output
from central.desk.opening import open_sealed
from central.desk.options import STORE_HELP, Passphrase, Trust, passphrase, place, trusted
from central.store.choice import open_reader
from central.store.port import Tombstone
from central.times import moment, now
from edge_agent.errors import KeyFileError, StoreError, UnknownSignerError, WireError, errors_in_words
from edge_agent.files import PUBLIC, write_whole
from edge_agent.wire import receipt_code, withdrawal
from edge_agent.wire.keys import kid
from edge_agent.wire.withdrawal import DeskWithdrawal, Withdrawn

if TYPE_CHECKING:
    from central.desk.opening import Opened
    from central.store.port import Reader
    from central.trust import Trust as Trusted
    from edge_agent.wire.keys import RecipientPrivateKey, SoftwareSigner

_DAY_S: Final = 86_400


def join(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command()(withdraw)
    app.command()(expire)


def withdraw(
    code: Annotated[str, typer.Argument(help="The receipt code, as the person says it.")],
    store: Annotated[str, typer.Option("--store", help=STORE_HELP)],
    key: Annotated[Path, typer.Option("--key", help="Your key file.")],
    trust_folder: Trust,
    out: Annotated[Path, typer.Option("--out", help="The withdrawal to write: take it to whoever runs an intake.")],
    opened: Annotated[
        Path | None, typer.Option("--opened", help="A folder of opened reports: this one's files are erased.")
    ] = None,
    passphrase_file: Passphrase = None,
) -> None:
    """Take a report back for somebody who telephones.

    It is found by its code, and its withdrawal is signed.
    """
    with errors_in_words():
        wanted = receipt_code.parse(code)
        with open_reader(place(store)) as records:
            believed = trusted(trust_folder, records)
            private = keyfile.read(key, passphrase(passphrase_file, new=False))
            signer = _signer(private, believed)
            found = _find(wanted, records, private, believed)
        claims = found.claims
        named = Withdrawn(record_id=claims.record_id, sha256=found.sha256, epoch=claims.epoch, seq=claims.seq)
        content = DeskWithdrawal(fleet=believed.registry.fleet, kiosk=claims.kiosk, issued_at=now(), withdraws=named)
        write_whole(out, withdrawal.sign_at_desk(content, signer), mode=PUBLIC, replace=True)
        erased = [] if opened is None else output.erase(opened, found.record_id)
    print(f"Withdrawal of record {found.record_id} of kiosk {claims.kiosk}: {out}")
    for path in erased:
        print(f"Erased: {path}")
    print(f"Next, wherever the record is kept: homeward-intake withdraw {out} --receipt FILE")


def expire(
    opened: Annotated[Path, typer.Argument(help="A folder of opened reports, as `open` wrote them.")],
    store: Annotated[str | None, typer.Option("--store", help=STORE_HELP)] = None,
    days: Annotated[int, typer.Option("--days", min=0, help="Warn so many days before the end.")] = 14,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be erased, and erase nothing.")] = False,
) -> None:
    """Erase opened reports that have ended or were taken back.

    The store says which were taken back. You are warned of those that end soon.
    """
    with errors_in_words():
        erased, kept = 0, 0
        for copy in output.copies(opened):
            because = _over(copy, store)
            if because is not None:
                erased += 1
                print(f"{copy.record_id}  {'would be erased' if dry_run else 'erased'}: {because}")
                if not dry_run:
                    output.erase(opened, copy.record_id)
                continue
            kept += 1
            if copy.ends_at is not None and copy.ends_at <= now() + days * _DAY_S:
                print(f"{copy.record_id}  ends {moment(copy.ends_at)}: ask the person again, or it is erased then")
    done = "would be erased" if dry_run else "erased"
    print(f"{erased} {done}, {kept} kept. Backups and printed pictures are yours to destroy.")


def _signer(private: RecipientPrivateKey, believed: Trusted) -> SoftwareSigner:
    """Give the key that signs withdrawals. Raises KeyFileError when no intake would believe it."""
    signer = keyfile.withdrawal_signer(private)
    try:
        believed.bundle.withdrawal_key(kid(signer.public_key))
    except UnknownSignerError as fault:
        raise KeyFileError(
            "the fleet's bundle does not let this key take reports back",
            next_step="Give the fleet your .pub file again: `homeward-fleet recipients`. Until then, ask a colleague.",
        ) from fault
    return signer


def _find(wanted: str, records: Reader, private: RecipientPrivateKey, believed: Trusted) -> Opened:
    """Open reports, the newest first, until one has this code. Raises StoreError when none has."""
    closed = 0
    for kept in reversed([kept for kept in records.records() if kept.withdraws is None]):
        sealed = records.sealed(kept.record_id)
        if sealed is None:
            continue  # erased meanwhile
        try:
            opened = open_sealed(sealed, believed.registry, private, arrived_at=kept.arrived_at)
        except WireError:
            closed += 1
            continue
        if opened.report.receipt_code == wanted:
            return opened
    more = f"; {closed} can't be opened with this key" if closed else ""
    raise StoreError(
        f"no report here has the code {wanted}{more}",
        next_step="Ask for the code again. The report may not have arrived yet, or was erased: see `list`.",
    )


def _over(copy: output.Copy, store: str | None) -> str | None:
    """Say why an opened copy must go; None when it may stay."""
    if copy.ends_at is not None and copy.ends_at < now():
        return f"it ended {moment(copy.ends_at)}"
    if store is None:
        return None
    with open_reader(place(store)) as records:
        found = records.find(bytes.fromhex(copy.record_id))
    return f"{found.because} at the intake, {moment(found.erased_at)}" if isinstance(found, Tombstone) else None
