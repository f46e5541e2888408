"""`homeward-desk`: make a recipient's key, list records, open one, take one back, erase what has ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from central import trust
from central.desk import commands_ends, keyfile, output, words
from central.desk.opening import open_sealed
from central.desk.options import STORE_HELP, Passphrase, Trust, passphrase, place, trusted
from central.store.choice import open_reader
from central.store.port import Tombstone
from central.times import moment, now
from edge_agent.errors import KeyFileError, LocalError, StoreError, errors_in_words
from edge_agent.wire.fields import ID_BYTES, MAX_RECORD_BYTES
from edge_agent.wire.keys import RecipientPrivateKey
from edge_agent.wire.receipts import EXPIRED, WITHDRAWN

if TYPE_CHECKING:
    from central.desk.opening import Opened
    from central.desk.output import Written
    from edge_agent.wire.registry import Registry

app: Final = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, help=__doc__, rich_markup_mode=None
)
commands_ends.join(app)
_BECAUSE: Final = {WITHDRAWN: "the person took it back", EXPIRED: "what was consented to has ended"}
_SHORTEST_PASSPHRASE: Final = 12  # characters

Store = Annotated[str | None, typer.Option("--store", help=STORE_HELP)]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for scripts.")]


def main() -> None:
    """Run the command line."""
    app()


@app.command()
def key(
    name: Annotated[str, typer.Option("--name", help="Whose key it is, as the bundle will call it.")],
    out: Annotated[Path, typer.Option("--out", help="The key file to make; FILE.pub is made beside it.")],
    passphrase_file: Passphrase = None,
) -> None:
    """Make a recipient's key.

    The private half lies under a passphrase, the public half is for the fleet.
    """
    with errors_in_words():
        if not name.strip() or not name.isprintable():
            raise LocalError("a key needs a name that can be printed", next_step="Give one with --name.")
        keyfile.check_free(out)
        secret = passphrase(passphrase_file, new=True)
        if len(secret) < _SHORTEST_PASSPHRASE:
            raise KeyFileError(
                f"the passphrase is shorter than {_SHORTEST_PASSPHRASE} characters",
                next_step="Take four or more random words: it guards every report that is sealed to this key.",
            )
        made = RecipientPrivateKey.generate()
        keyfile.write(out, made, name.strip(), secret)
    print(f"Private key: {out} (keep it and its passphrase; without both, nothing sealed to it can be opened)")
    print(f"Public key:  {keyfile.public_path(out)} (give it to the fleet); kid {made.public_key.kid.hex()}")


@app.command("list")
def list_records(store: Annotated[str, typer.Option("--store", help=STORE_HELP)], as_json: Json = False) -> None:
    """List the records in a store, oldest first.

    When each came, from which kiosk, its id.
    """
    with errors_in_words(), open_reader(place(store)) as records:
        for kept in records.records():
            if as_json:
                facts = {"record_id": kept.record_id.hex(), "kiosk": kept.kiosk, "arrived_at": kept.arrived_at}
                facts |= {"issued_at": kept.issued_at, "size": kept.size, "ends_at": kept.ends_at}
                print(json.dumps(facts | {"withdraws": kept.withdraws and kept.withdraws.hex()}))
            else:
                what = f"  takes back {kept.withdraws.hex()}" if kept.withdraws else ""
                print(f"{moment(kept.arrived_at)}  {kept.kiosk:<32}  {kept.record_id.hex()}{what}")
        for gone in [] if as_json else records.tombstones():
            print(
                f"{moment(gone.erased_at)}  {gone.kiosk:<32}  {gone.record_id.hex()}  erased: {_BECAUSE[gone.because]}"
            )


@app.command("open")
def open_record(
    key: Annotated[Path, typer.Option("--key", help="Your key file.")],
    trust_folder: Trust,
    out: Annotated[Path, typer.Option("--out", help="Folder for the picture and the report; made when missing.")],
    record_id: Annotated[str | None, typer.Argument(help="The record's id, as `list` gives it.")] = None,
    store: Store = None,
    file: Annotated[Path | None, typer.Option("--file", help="Instead of an id: a sealed record as a file.")] = None,
    passphrase_file: Passphrase = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there already.")] = False,
    as_json: Json = False,
) -> None:
    """Open a record: the picture, the report, the consent in words.

    Everything is verified again.
    """
    with errors_in_words():
        raw, arrived_at, registry = _sealed(record_id, store, file, trust_folder)
        private = keyfile.read(key, passphrase(passphrase_file, new=False))
        opened = open_sealed(raw, registry, private, arrived_at=arrived_at)
        written = output.write(opened, out, force=force)
    print(json.dumps(_summary(opened, written)) if as_json else "\n".join(_account(opened, written)))


def _sealed(
    record_id: str | None, store: str | None, file: Path | None, trust_folder: Path
) -> tuple[bytes, int | None, Registry]:
    """Get the sealed bytes from where the command line says, and when an intake took them in, where one did.

    With them the registry to hold them against. Raises HomewardError.
    """
    match record_id, store, file:
        case None, None, Path():
            registry = trust.load(trust.TrustFiles.in_folder(trust_folder)).registry
            try:
                with file.open("rb") as sealed:
                    return sealed.read(MAX_RECORD_BYTES + 1), None, registry
            except OSError as fault:
                raise LocalError(
                    f"{file} can't be read: {fault.strerror}", next_step="Check its place and rights."
                ) from fault
        case str(), str(), None:
            with open_reader(place(store)) as records:
                wanted = _record_id(record_id)
                found, sealed_bytes = records.find(wanted), records.sealed(wanted)
                registry = trusted(trust_folder, records).registry
            if isinstance(found, Tombstone):
                raise StoreError(
                    f"record {record_id} was erased {moment(found.erased_at)}: {_BECAUSE[found.because]}",
                    next_step="Erase what you have of it: copies, notes, pictures.",
                )
            if found is None or sealed_bytes is None:
                raise StoreError(f"the store has no record {record_id}", next_step="See `homeward-desk list`.")
            return sealed_bytes, found.arrived_at, registry
        case _:
            raise LocalError(
                "nothing says which record", next_step="Give either a record's id with --store, or --file alone."
            )


def _record_id(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != ID_BYTES:
        raise LocalError(
            f"{text[:80]!r} is no record's id", next_step=f"It has {2 * ID_BYTES} hexadecimal digits; see `list`."
        )
    return found


def _account(opened: Opened, written: Written) -> list[str]:
    lines = [f"Record {opened.record_id} of kiosk {opened.claims.kiosk}: verified and opened."]
    if opened.revoked:
        lines.append("WARNING: this kiosk was taken out of service since. The record was taken in before that.")
    lines += words.in_words(opened.report, opened.ends_at, now())
    lines += [f"Picture: {path}" for path in written.images]
    lines.append(f"Report:  {written.report}")
    return lines


def _summary(opened: Opened, written: Written) -> dict[str, str | bool | list[str] | None]:
    images = [str(path) for path in written.images]
    return {
        "record_id": opened.record_id,
        "kiosk": opened.claims.kiosk,
        "report": str(written.report),
        "image": images[0] if images else None,
        "images": images,
        "expired": words.is_expired(opened.ends_at, now()),
        "revoked": opened.revoked,
    }
