"""Begin a fleet: its root on a stick and on paper, its office, and the proof that the paper reads back."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from edge_agent.errors import LocalError
from edge_agent.files import OWNER_ONLY, write_whole
from edge_agent.wire import bundle, registry
from edge_agent.wire.keys import SoftwareSigner, kid
from provisioning import audit, backup, handout, keyring, printing
from provisioning.certificates import Authority
from provisioning.decisions import trust
from provisioning.decisions.permission import check_clock
from provisioning.fleet import FleetError, State
from provisioning.handout import File, text
from provisioning.keyring import OfficeKey, Purpose
from provisioning.languages import phrase
from provisioning.office import own_root
from provisioning.recipients import named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_agent.wire.bundle import Recipient
    from edge_agent.wire.fields import Controller
    from provisioning.backup import Split
    from provisioning.fleet_directory import Act
    from provisioning.handout import Files
    from provisioning.office import Office


@dataclass(frozen=True, slots=True)
class Beginning:
    """What staff decide about a new fleet. `days` is the life of a recipient bundle."""

    fleet: str
    controller: Controller
    jurisdiction: str
    brokers: list[str]
    recipients: list[Recipient]
    split: Split
    days: int


@dataclass(frozen=True, slots=True)
class Passphrases:
    """The two that a new fleet gets. Raises LocalError when they are one."""

    office: str
    root: str

    def __post_init__(self) -> None:
        """Refuse one for both."""
        if self.office == self.root:
            raise LocalError(
                phrase("the root's passphrase is the office's too"),
                next_step=phrase("Take another: they guard different things."),
            )


def begin(office: Office, plan: Beginning, root_file: Path, sheets: Path, passphrases: Passphrases) -> list[str]:
    """Make a fleet: the root into `root_file`, its paper into the folder `sheets`; return the sheets' words.

    When it fails or is stopped, nothing of it stays.
    """
    check_clock(office.now, None)
    office.directory.check_free()
    handout.check_place(sheets, replace=False)
    signer, authority = SoftwareSigner.generate(), Authority.create(plan.fleet, office.time)
    receipts, orders = SoftwareSigner.generate(), SoftwareSigner.generate()
    state = _first_state(office, plan, signer, authority, receipts, orders)
    office_keys = {
        OfficeKey.AUTHORITY: keyring.secret_of(authority.key),
        OfficeKey.RECEIPTS: keyring.secret_of(receipts.private_key),
        OfficeKey.ORDERS: keyring.secret_of(orders.private_key),
        OfficeKey.CLAIMS: keyring.new_secret(),
    }
    secret = keyring.secret_of(signer.private_key)
    words = backup.sheets(secret, plan.split)
    protected = keyring.protect(office_keys, plan.fleet, Purpose.OFFICE, passphrases.office)
    protected_root = keyring.protect({Purpose.ROOT: secret}, plan.fleet, Purpose.ROOT, passphrases.root)
    with contextlib.ExitStack() as undo:
        undo.callback(_remove_if, root_file, protected_root)
        _write_root(root_file, protected_root)
        undo.callback(remove_sheets, sheets, plan.split)
        handout.write_folder(sheets, _printed(plan.fleet, words, plan.split, signer.public_key))
        office.directory.create(state, protected)
        undo.pop_all()
    return words


def _first_state(
    office: Office,
    plan: Beginning,
    root: SoftwareSigner,
    authority: Authority,
    receipts: SoftwareSigner,
    orders: SoftwareSigner,
) -> State:
    content = trust.first_bundle(
        plan.fleet,
        plan.controller,
        plan.jurisdiction,
        plan.recipients,
        receipts=receipts.public_key,
        orders=orders.public_key,
        now=office.now,
        days=plan.days,
    )
    nobody = registry.RegistryContent(fleet=plan.fleet, version=1, issued_at=office.now, keys=[])
    facts: dict[str, audit.Fact] = {
        "fleet": plan.fleet,
        "root": kid(root.public_key).hex(),
        "paper": plan.split.name,
        "recipients": [named(recipient) for recipient in plan.recipients],
    }
    return State(
        fleet=plan.fleet,
        root=root.public_key.hex(),
        authority=authority.pem.decode(),
        crl=authority.revoke({}, office.time).decode(),
        brokers=plan.brokers,
        bundle=bundle.sign(content, root),
        registry=registry.sign(nobody, orders),
        last_act=audit.following(None, at=office.now, who=office.who, act="begin", facts=facts),
    )


def check_root_free(path: Path) -> None:
    """Raise LocalError when something lies where a root is to go, or when its folder is not there."""
    handout.check_beside(path)
    if path.exists():
        raise LocalError(
            phrase("{path} is there already", path=path),
            next_step=phrase("A root is never written over: name another place."),
        )


def _write_root(path: Path, content: bytes) -> None:
    check_root_free(path)
    write_whole(path, content, replace=True)  # by rename: a USB stick's file system knows no hard links


def prove_backup(office: Office, read: Sequence[str]) -> None:
    """Note that the root's sheets read back: enough of them, all words. Raises KeyFileError, FleetError."""
    with office.act(proven=False) as act:
        own_root(act.state, backup.combine(read))
        _proven(act)


def prove_printed(office: Office, words: Sequence[str], typed: Sequence[str]) -> None:
    """Note that somebody read the last words of each sheet that was just printed. Raises FleetError."""
    for number, (whole, last) in enumerate(zip(words, typed, strict=True), 1):
        if backup.normal(last).split() != whole.split()[-backup.PROVEN_WORDS :]:
            raise FleetError(
                phrase("these are not the last words of sheet {number}", number=number),
                next_step=phrase("Read them again."),
            )
    with office.act(proven=False) as act:
        _proven(act)


def _proven(act: Act) -> None:
    act.commit(replace(act.state, backup_proven=True), "backup-proven", {})


def check_sheets(office: Office, read: Sequence[str]) -> None:
    """Raise KeyFileError or FleetError when these sheets don't give this fleet's root."""
    own_root(office.state(), backup.combine(read))


def restore_root(office: Office, read: Sequence[str], path: Path, passphrase: str) -> None:
    """Write the root's file anew from its sheets, under a new passphrase. Raises KeyFileError, FleetError."""
    with office.act(proven=False) as act:
        secret = keyring.secret_of(own_root(act.state, backup.combine(read)).private_key)
        _write_root(path, keyring.protect({Purpose.ROOT: secret}, act.state.fleet, Purpose.ROOT, passphrase))
        act.commit(act.state, "root-restored", {"sheets": len(read)})


def remove_sheets(folder: Path, split: Split) -> None:
    """Overwrite and remove printed sheets. On a card or an SSD what was there may survive underneath."""
    for name in _sheet_names(split):
        path = folder / name
        with contextlib.suppress(OSError):
            path.write_bytes(b"\0" * path.stat().st_size)
            path.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _sheet_names(split: Split) -> list[str]:
    stems = [f"root-sheet-{number}-of-{split.sheets}" for number in range(1, split.sheets + 1)]
    return [f"{stem}.{kind}" for stem in stems for kind in ("pdf", "txt")]


def _printed(name: str, words: Sequence[str], split: Split, root: bytes) -> Files:
    files: Files = {}
    for number, sheet in enumerate(words, 1):
        stem = f"root-sheet-{number}-of-{split.sheets}"
        page = printing.sheet(name, sheet, number, split, kid(root).hex())
        files[f"{stem}.pdf"] = File(page, OWNER_ONLY)
        files[f"{stem}.txt"] = text("\n".join(backup.grouped(sheet)) + "\n", OWNER_ONLY)
    return files


def _remove_if(path: Path, content: bytes) -> None:
    """Remove a file, if it is the one that we wrote."""
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            path.unlink()
