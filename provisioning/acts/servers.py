"""Write what brokers and intakes need."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from provisioning import handout
from provisioning.certificates import private_pem
from provisioning.decisions.names import with_intake
from provisioning.decisions.permission import check_certifies
from provisioning.placing import placed

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning import audit
    from provisioning.fleet import State
    from provisioning.fleet_directory import Act
    from provisioning.handout import Files
    from provisioning.mosquitto import Broker
    from provisioning.office import Keys, Office

SERVER_LIFETIME: Final = dt.timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Output:
    """Where a server's folder goes, whether over what is there, or not at all this time."""

    folder: Path
    over: bool = False
    dry_run: bool = False


def intake(office: Office, name: str, keys: Keys, out: Output, *, cluster: bool = False) -> list[str]:
    """Write all that an intake needs, the receipt key included; return the files' names.

    In a RabbitMQ `cluster` intakes share a queue; otherwise the one intake has an MQTT session.
    """
    with office.act() as act:
        check_certifies(act.state, keys.authority)
        state = with_intake(act.state, name)
        identity = keys.authority.client(name, office.time, SERVER_LIFETIME)
        files = handout.for_intake(state, identity, private_pem(keys.receipts.private_key), cluster=cluster)
        return _hand_out(act, state, files, out, {"intake": name})


def mosquitto(office: Office, keys: Keys, hosts: list[str], listener: Broker, out: Output) -> list[str]:
    """Write all that one mosquitto needs, whose certificate names `hosts`; return the files' names."""
    with office.act() as act:
        check_certifies(act.state, keys.authority)
        server = keys.authority.server(hosts, office.time, SERVER_LIFETIME)
        files = handout.for_mosquitto(act.state, server, listener)
        here = str(listener.directory) if listener.directory == out.folder.absolute() else ""
        state = replace(act.state, broker_files=here)
        return _hand_out(act, state, files, out, {"broker": "mosquitto", "hosts": hosts})


def rabbitmq(
    office: Office, keys: Keys, hosts: list[str], nodes: list[str], installed_at: Path, port: int, out: Output
) -> list[str]:
    """Write all that each node of a RabbitMQ cluster needs; return the files' names."""
    with office.act() as act:
        check_certifies(act.state, keys.authority)
        server = keys.authority.server(hosts, office.time, SERVER_LIFETIME)
        files = handout.for_rabbitmq(act.state, server, nodes, installed_at, port)
        return _hand_out(act, replace(act.state, cluster=True), files, out, {"broker": "rabbitmq", "nodes": nodes})


def _hand_out(act: Act, state: State, files: Files, out: Output, facts: dict[str, audit.Fact]) -> list[str]:
    handout.check_place(out.folder, replace=out.over)
    if not out.dry_run:
        if out.over:
            handout.write_folder(out.folder, files, replace=True)
            act.commit(state, "handed-out", facts)
        else:
            with placed(out.folder, files):
                act.commit(state, "handed-out", facts)
    return sorted(files)
