"""The console's server: on loopback, on a free port, for one browser, until Ctrl-C or the page's 'close'."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import uvicorn

from provisioning.console import vendored
from provisioning.console.app import build
from provisioning.console.call import Console
from provisioning.console.door import Door
from provisioning.console.downloads import Downloads

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.office import Office


def serve(office: Callable[[], Office], announce: Callable[[str], None]) -> None:
    """Serve until it is stopped; `announce` gets the link. An act under way is done to its end. Raises LocalError."""
    vendored.check()
    with socket.socket() as listening, Downloads() as downloads:
        listening.bind(("127.0.0.1", 0))
        door = Door(listening.getsockname()[1])
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
        listening.listen()
        announce(door.link)
        server.run(sockets=[listening])
        if console.reception is not None:
            console.reception.close()
