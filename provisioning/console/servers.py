"""The pages for servers: settings for a broker and an intake, and the broker's check, which takes its time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.errors import LocalError
from edge_agent.mqtt import split_address
from provisioning import broker_check
from provisioning.acts import servers
from provisioning.acts.servers import Output
from provisioning.console.call import Done, acting, go, looking
from provisioning.languages import phrase
from provisioning.mosquitto import Broker
from provisioning.words import broker_verdict, intake_written, mosquitto_written, rabbitmq_written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from provisioning.broker_check import Finding
    from provisioning.console.call import Call, Form


def routes() -> list[BaseRoute]:
    """Give the pages."""
    return [
        looking("/servers", _servers),
        acting("/servers/mosquitto", _show_mosquitto, _mosquitto),
        acting("/servers/rabbitmq", _show_rabbitmq, _rabbitmq),
        acting("/servers/intake", _show_intake, _intake),
        acting("/servers/check", _show_check, _check),
        looking("/servers/check/{task}", _progress),
    ]


def _servers(call: Call) -> Response:
    return call.page("servers.html", state=call.office.state())


# -- Settings ----------------------------------------------------------------------------------------------------------


def _show_mosquitto(call: Call) -> Response:
    return call.page("servers_mosquitto.html", state=call.office.state())


def _mosquitto(call: Call, form: Form) -> Response:
    office, out = call.office, _output(form)
    addresses = [split_address(address) for address in office.state().brokers]
    there = Path(form.text("installed-at") or out.folder)
    names = form.text("hosts").split() or [host for host, _port in addresses]
    run_as = form.text("run-as") or "mosquitto"
    listener = Broker(form.text("listen"), addresses[0][1], there, run_as=run_as, crl=True)
    written = servers.mosquitto(office, office.keys(form.secret()), names, listener, out)
    lines = mosquitto_written(out.folder, there, names, run_as)
    return _written(call, phrase("Settings for mosquitto are written"), written, lines)


def _show_rabbitmq(call: Call) -> Response:
    return call.page("servers_rabbitmq.html", state=call.office.state())


def _rabbitmq(call: Call, form: Form) -> Response:
    office, out = call.office, _output(form)
    addresses = [split_address(address) for address in office.state().brokers]
    nodes = form.text("nodes").split()
    if not nodes:
        raise LocalError(
            phrase("a cluster needs its nodes"), next_step=phrase("Name three or more, as rabbit@host, a line each.")
        )
    names = form.text("hosts").split() or [host for host, _port in addresses]
    there = Path(form.text("installed-at") or "/etc/rabbitmq")
    written = servers.rabbitmq(office, office.keys(form.secret()), names, nodes, there, addresses[0][1], out)
    lines = rabbitmq_written(out.folder, there, names)
    return _written(call, phrase("Settings for RabbitMQ are written"), written, lines)


def _show_intake(call: Call) -> Response:
    return call.page("servers_intake.html", state=call.office.state())


def _intake(call: Call, form: Form) -> Response:
    office, out = call.office, _output(form)
    written = servers.intake(office, form.text("name"), office.keys(form.secret()), out)
    lines = intake_written(out.folder, office.directory.to_copy)
    return _written(call, phrase("What an intake needs is written"), written, lines)


def _output(form: Form) -> Output:
    path = Path(form.text("out")).expanduser()
    if not form.text("out") or not path.is_absolute():
        raise LocalError(
            phrase("the folder to write is no full path"), next_step=phrase("Write it from the first / on.")
        )
    return Output(path, over=bool(form.text("replace")))


def _written(call: Call, title: str, names: list[str], lines: list[str]) -> Response:
    return call.tell(
        Done(
            title,
            [*lines, phrase("Written: {files}", files=", ".join(names))],
            next_pages={phrase("To the servers"): "/servers"},
        )
    )


# -- The broker's check ------------------------------------------------------------------------------------------------


def _show_check(call: Call) -> Response:
    return call.page("servers_check.html", state=call.office.state())


def _check(call: Call, form: Form) -> Response:
    office, state = call.office, call.office.state()
    host, port = split_address(form.text("address"))
    authority = office.keys(form.secret()).authority

    def steps() -> Iterator[Finding]:
        return broker_check.check(authority, state.fleet, host, port, office.time)

    return go(f"/servers/check/{call.console.work.begin(steps)}")


def _progress(call: Call) -> Response:
    task = call.console.work.task(call.path["task"])
    verdict = broker_verdict(all(finding.right for finding in task.found))
    return call.page(
        "servers_progress.html", state=call.office.state(), task=task, name=call.path["task"], verdict=verdict
    )
