"""What a fleet hands out: the files for a broker, for an intake, and those to be copied after a change.

Pure but for `write_files` and `write_folder`, which put such files on a disk, each whole, a folder whole.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.errors import LocalError
from edge_agent.files import OWNER_ONLY, PUBLIC, write_whole
from edge_agent.mqtt import split_address
from provisioning import mosquitto, rabbitmq
from provisioning.fleet import OFFICE
from provisioning.languages import phrase

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from provisioning.certificates import Identity
    from provisioning.fleet import State
    from provisioning.mosquitto import Broker


@dataclass(frozen=True, slots=True)
class File:
    """What goes into a file, and who may read it."""

    content: bytes
    mode: int = PUBLIC


Files = dict[str, File]


def text(content: str, mode: int = PUBLIC) -> File:
    """Make a file of text."""
    return File(content.encode(), mode)


def trust(state: State) -> Files:
    """Give what everybody needs who is to trust this fleet."""
    return {
        "ca.pem": text(state.authority),
        "root.pub": text(state.root + "\n"),
        "bundle.cose": File(state.bundle),
    }


def to_copy(state: State) -> Files:
    """Give what changes with the fleet, for brokers and intakes that are set up already."""
    files = {
        "bundle.cose": File(state.bundle),
        "registry.cose": File(state.registry),
        "ca.pem": text(state.authority),
        "acl": text(acl(state), OWNER_ONLY),
        "crl.pem": text(state.crl),
    }
    return files | ({"definitions.json": text(definitions(state))} if state.cluster else {})


def acl(state: State) -> str:
    """Write mosquitto's ACL for the fleet as it stands."""
    return mosquitto.acl(state.fleet, state.intakes, state.shut_out, office=OFFICE, claims=state.claims)


def definitions(state: State) -> str:
    """Write RabbitMQ's definitions for the fleet as it stands."""
    return rabbitmq.definitions(state.fleet, state.intakes, state.in_service, state.claims, state.shut_out)


def for_mosquitto(state: State, server: Identity, listener: Broker) -> Files:
    """Give everything that one mosquitto needs."""
    return {
        "mosquitto.conf": text(mosquitto.settings(listener)),
        "data/README": text("mosquitto keeps its sessions here.\n"),
        "acl": text(acl(state), OWNER_ONLY),
        **_tls(state, server, "server"),
        "crl.pem": text(state.crl),
    }


def for_rabbitmq(state: State, server: Identity, nodes: Sequence[str], installed_at: Path, port: int) -> Files:
    """Give everything that each node of a RabbitMQ cluster needs."""
    return {
        "rabbitmq.conf": text(rabbitmq.settings(nodes, installed_at, port)),
        "definitions.json": text(definitions(state)),
        "enabled_plugins": text(rabbitmq.PLUGINS),
        **_tls(state, server, "server"),
    }


def for_intake(state: State, identity: Identity, receipt_key: bytes, *, cluster: bool) -> Files:
    """Give everything that an intake needs; `receipt_key` is PEM. In a `cluster` it shares a queue with others."""
    return {
        "intake.toml": text(_intake_settings(state, _queue(state) if cluster else _session(state))),
        **_tls(state, identity, "tls"),
        **trust(state),
        "registry.cose": File(state.registry),
        "receipt.key": File(receipt_key, OWNER_ONLY),
    }


def _tls(state: State, identity: Identity, name: str) -> Files:
    return {
        "ca.pem": text(state.authority),
        f"{name}.pem": File(identity.certificate),
        f"{name}.key": File(identity.key, OWNER_ONLY),
    }


def _intake_settings(state: State, broker: str) -> str:
    return (
        f'fleet = "{state.fleet}"\nreceipt_key = "receipt.key"\n\n'
        f'[broker]\nca = "ca.pem"\ncertificate = "tls.pem"\nkey = "tls.key"\n{broker}'
        '\n[store]\nsqlite = "store.sqlite"\n\n'
        '[trust]\nroot = "root.pub"\nbundle = "bundle.cose"\nregistry = "registry.cose"\n'
    )


def _session(state: State) -> str:
    return f"addresses = {json.dumps(state.brokers)}\n"


def _queue(state: State) -> str:
    hosts = dict.fromkeys(split_address(broker)[0] for broker in state.brokers)
    nodes = [f"{host if ':' not in host else f'[{host}]'}:{rabbitmq.AMQPS_PORT}" for host in hosts]
    return (
        f"addresses = {json.dumps(nodes)}\n"
        f'\n[broker.amqp]\nqueue = "{rabbitmq.ARRIVALS}"\nundelivered = "{rabbitmq.UNDELIVERED}"\n'
    )


# -- Onto a disk -------------------------------------------------------------------------------------------------------


def check_place(out: Path, *, replace: bool) -> None:
    """Raise LocalError when a folder's place is taken."""
    if out.exists() and not out.is_dir():
        raise LocalError(phrase("{out} is no folder", out=out), next_step=phrase("Name another place with --out."))
    if out.is_dir() and any(out.iterdir()) and not replace:
        raise LocalError(
            phrase("{out} is not empty", out=out),
            next_step=phrase("Name another folder, or let it be written over with --replace."),
        )


def check_beside(out: Path) -> None:
    """Raise LocalError when the folder in which something is to lie is not there.

    None is made: what is meant for a card that is not plugged in would stay on this computer, and nobody would know.
    """
    if not out.absolute().parent.is_dir():
        raise LocalError(
            phrase("there is no folder {folder} to put it into", folder=out.parent),
            next_step=phrase("Look for a slip, and whether the card or stick is plugged in. Or make the folder first."),
        )


def write_folder(out: Path, files: Mapping[str, File], *, replace: bool = False) -> None:
    """Write a folder: a new one appears whole or not at all; in one that is there, each file is replaced whole.

    Raises LocalError when the place is taken, full or read-only; then nothing new is left behind.
    """
    check_place(out, replace=replace)
    if out.is_dir() and any(out.iterdir()):
        write_files(out, files, replace=True)
        return
    with staged(out) as beside:
        write_files(beside, files)
        settle(beside, out)


def write_changed(folder: Path, files: Mapping[str, File]) -> None:
    """Bring a folder of files up to date, each whole; those that are as they should be are left alone."""
    write_files(folder, {name: file for name, file in files.items() if not _is(folder / name, file)}, replace=True)


def _is(path: Path, file: File) -> bool:
    try:
        return path.read_bytes() == file.content
    except OSError:
        return False


def write_files(folder: Path, files: Mapping[str, File], *, replace: bool = False) -> None:
    """Write files into a folder, each whole; the folder is made. Raises LocalError."""
    for name, file in files.items():
        path = folder / name
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as fault:
            raise unwritable(folder, fault) from fault
        write_whole(path, file.content, mode=file.mode, replace=replace)


@contextlib.contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Give a new folder beside `out`, for its owner alone; it is gone at the end unless it was settled.

    Raises LocalError.
    """
    check_beside(out)
    try:
        beside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as fault:
        raise unwritable(out, fault) from fault
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def settle(beside: Path, out: Path) -> None:
    """Give a staged file or folder its name, where nothing or an empty folder is. Raises LocalError."""
    try:
        beside.rename(out)
    except OSError as fault:
        raise unwritable(out, fault) from fault


def unwritable(path: Path, fault: OSError) -> LocalError:
    """Say why something can't be written."""
    return LocalError(
        phrase("{path} can't be written: {why}", path=path, why=fault.strerror),
        next_step=phrase("Check that it is not full, nor read-only, and whose it is."),
    )
