"""The console's server: on loopback, for one browser, until Ctrl-C or the page's 'close'."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

import uvicorn

from edge_agent.errors import LocalError
from provisioning import labels
from provisioning.console import vendored
from provisioning.console.app import build
from provisioning.console.call import Console
from provisioning.console.door import Door
from provisioning.console.downloads import Downloads

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.office import Office


def serve(office: Callable[[], Office], announce: Callable[[str, int], None], port: int | None = None) -> None:
    """Serve until it is stopped; `announce` gets the link and the port. An act under way is done to its end.

    Without a `port` it is the one that labels name, or any free one when that is taken. Raises LocalError.
    """
    vendored.check()
    with _listening(port) as listening, Downloads() as downloads:
        taken: int = listening.getsockname()[1]
        door = Door(taken)
        console = Console(office, door, downloads)
        server = uvicorn.Server(
            uvicorn.Config(
                build(console),
                lifespan="off",
                ws="none",
                log_level="warning",
                access_log=False,  # addresses hold the link and the downloads' names
                server_header=False,
            )
        )

        def stop() -> None:
            server.should_exit = True

        console.stop = stop
        announce(door.link, taken)
        server.run(sockets=[listening])
        if console.reception is not None:
            console.reception.close()


def _listening(port: int | None) -> socket.socket:
    """Listen on loopback, on this port or else on the one that labels name. Raises LocalError."""
    try:
        return _bound(labels.PORT if port is None else port)
    except OSError as fault:
        if port is None and fault.errno == errno.EADDRINUSE:
            return _bound(0)
        raise LocalError(
            f"the console can't have port {port or labels.PORT}: {fault.strerror}",
            next_step="Close what has it, maybe another console; or leave --port out, and it takes a free one.",
        ) from fault


def _bound(port: int) -> socket.socket:
    listening = socket.socket()
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a console that was just closed lingers
        listening.bind(("127.0.0.1", port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening
