"""The commands for servers: settings for brokers and intakes, and the broker's check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_agent.errors import errors_in_words
from edge_agent.mqtt import split_address
from provisioning import broker_check
from provisioning.acts import servers
from provisioning.acts.servers import Output
from provisioning.mosquitto import Broker
from provisioning.terminal import passphrase, say, table, tell
from provisioning.words import broker_verdict, intake_written, mosquitto_written, rabbitmq_written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.office import Office

broker: Final = typer.Typer(no_args_is_help=True, help="Settings for a broker, and whether it keeps to them.")

Out = Annotated[Path, typer.Option("--out", help="The folder to write.")]
Replace = Annotated[bool, typer.Option("--replace", help="Write over what is in it, with a new certificate.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say which files would be written; write nothing.")]
Hosts = Annotated[
    list[str] | None, typer.Option("--host", help="Names or addresses it answers at; those of the fleet otherwise.")
]
InstalledAt = Annotated[
    Path | None, typer.Option("--installed-at", help="Where the folder will lie on the server; here otherwise.")
]
OfficePassphrase = Annotated[
    Path | None, typer.Option("--passphrase-file", help="For scripts: a file (0600) with the office's passphrase.")
]
_OFFICE: Final = "the office"


def join(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.add_typer(broker, name="broker")
    app.command()(intake)


@broker.command()
def mosquitto(
    context: typer.Context,
    out: Out,
    hosts: Hosts = None,
    listen: Annotated[str, typer.Option("--listen", help="The address to listen at.")] = "0.0.0.0",  # noqa: S104 - kiosks come from anywhere
    run_as: Annotated[str, typer.Option("--run-as", help="The user that mosquitto becomes.")] = "mosquitto",
    installed_at: InstalledAt = None,
    replace: Replace = False,
    dry_run: DryRun = False,
    passphrase_file: OfficePassphrase = None,
) -> None:
    """Write everything that a mosquitto on one machine needs."""
    office: Office = context.obj
    with errors_in_words():
        addresses = [split_address(address) for address in office.state().brokers]
        there = (installed_at or out).absolute()
        listener = Broker(listen, addresses[0][1], there, run_as=run_as, crl=True)
        keys = office.keys(passphrase(passphrase_file, _OFFICE))
        names = hosts or [host for host, _port in addresses]
        written = servers.mosquitto(office, keys, names, listener, Output(out, replace, dry_run))
        _say_written(written, out, dry_run)
        if not dry_run:
            tell(mosquitto_written(out, there, names, run_as))


@broker.command()
def rabbitmq(
    context: typer.Context,
    out: Out,
    nodes: Annotated[list[str], typer.Option("--node", help="rabbit@host; once for each node, three or more.")],
    hosts: Hosts = None,
    installed_at: Annotated[Path, typer.Option("--installed-at", help="Where the folder lies on each node.")] = Path(
        "/etc/rabbitmq"
    ),
    replace: Replace = False,
    dry_run: DryRun = False,
    passphrase_file: OfficePassphrase = None,
) -> None:
    """Write what each node of a RabbitMQ cluster (4.0 on) needs."""
    office: Office = context.obj
    with errors_in_words():
        addresses = [split_address(address) for address in office.state().brokers]
        names = hosts or [host for host, _port in addresses]
        keys = office.keys(passphrase(passphrase_file, _OFFICE))
        output = Output(out, replace, dry_run)
        written = servers.rabbitmq(office, keys, names, nodes, installed_at, addresses[0][1], output)
        _say_written(written, out, dry_run)
        if not dry_run:
            tell(rabbitmq_written(out, installed_at, names))


@broker.command()
def check(
    context: typer.Context,
    address: Annotated[str | None, typer.Option("--address", help="host:port; all the fleet's otherwise.")] = None,
    passphrase_file: OfficePassphrase = None,
) -> None:
    """Knock at the broker as a kiosk, a stranger and a forger.

    What it allowed is compared with what it should.

    It leaves one unreadable record of `broker-check` in the intake's quarantine: that is how a kiosk's right is tried.
    """
    office: Office = context.obj
    with errors_in_words():
        state = office.state()
        keys = office.keys(passphrase(passphrase_file, _OFFICE))
        sound = True
        for one in [address] if address else state.brokers:
            host, port = split_address(one)
            findings = list(broker_check.check(keys.authority, state.fleet, host, port, office.time))
            say(one)
            table(["", "attempt", "should be", "was"], [_row(finding) for finding in findings])
            sound &= all(finding.right for finding in findings)
    say(broker_verdict(sound))
    if not sound:
        raise typer.Exit(1)


def intake(
    context: typer.Context,
    out: Out,
    name: Annotated[str, typer.Option("--name", help="The intake's id, its name to the broker.")] = "intake-1",
    cluster: Annotated[
        bool, typer.Option("--cluster", help="The broker is a RabbitMQ cluster: intakes share its queue.")
    ] = False,
    replace: Replace = False,
    dry_run: DryRun = False,
    passphrase_file: OfficePassphrase = None,
) -> None:
    """Write all that an intake needs, the receipt key included."""
    office: Office = context.obj
    with errors_in_words():
        keys = office.keys(passphrase(passphrase_file, _OFFICE))
        written = servers.intake(office, name, keys, Output(out, replace, dry_run), cluster=cluster)
        _say_written(written, out, dry_run)
        if not dry_run:
            tell(intake_written(out, office.directory.to_copy))


def _row(finding: broker_check.Finding) -> list[str]:
    words = {True: "allowed", False: "refused"}
    return ["ok" if finding.right else "WRONG", finding.attempt, words[finding.should], words[finding.did]]


def _say_written(names: Sequence[str], out: Path, dry_run: bool) -> None:
    for name in names:
        over = " (over what is there)" if (out / name).exists() and dry_run else ""
        say(f"  {'would write' if dry_run else 'wrote'} {out / name}{over}")
