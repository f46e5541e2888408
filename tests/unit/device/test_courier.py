"""The courier before there is a broker to talk to. With one, it is in tests/system."""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge_agent.courier import Courier
from edge_agent.hardware.clock import SystemClock
from edge_agent.orders import StandingOrders
from edge_agent.outbox import Limits, Outbox
from edge_agent.trust import TrustFile
from tests.support.live import LiveFleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_agent.ports import Now
    from tests.support.spool import Spool

IN_1970 = 1000


class SetClock(SystemClock):
    """A clock whose date can be set, and whose time can be let pass."""

    def __init__(self, utc: int) -> None:
        super().__init__()
        self.utc = utc
        self.passed_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.passed_s

    def now(self) -> Now:
        return replace(super().now(), utc=self.utc)


@dataclass
class Watcher:
    """A watchdog that looks at what was said after each beat, and does something about it."""

    capsys: pytest.CaptureFixture[str]
    after: Callable[[list[str]], None]
    beats: int = 0
    said: str = ""

    def ready(self) -> None: ...

    def beat(self, status: str) -> None:
        self.beats += 1
        assert self.beats < 400, self.said
        self.said += self.capsys.readouterr().out
        self.after([json.loads(line)["event"] for line in self.said.splitlines()])


def orders_of(settings):
    return StandingOrders(settings, TrustFile(settings.trust), Path(settings.broker.key))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with LiveFleet(tmp_path) as live:
        yield live.spool()


def test_before_the_time_is_known_nobody_is_connected_to_and_then_it_goes_on(spool, capsys):
    clock = SetClock(IN_1970)
    courier = Courier(spool.settings, clock, spool.outbox, orders_of(spool.settings))
    host, port = spool.settings.broker.addresses[0].split(":")
    broker = socket.create_server((host, int(port)))
    broker.settimeout(0)

    def after(events: list[str]) -> None:
        if watcher.beats == 3:
            assert events == ["ready", "waiting_for_the_clock"]
            with pytest.raises(BlockingIOError):
                broker.accept()
            broker.close()
            clock.utc = SystemClock().now().utc
        if "not_connected" in events:  # it tried
            courier.stop()

    watcher = Watcher(capsys, after)
    courier.run(watcher)


def test_a_clock_that_is_hours_behind_is_good_enough(spool, capsys):
    clock = SetClock(SystemClock().now().utc - 12 * 3600)
    courier = Courier(spool.settings, clock, spool.outbox, orders_of(spool.settings))

    def after(events: list[str]) -> None:
        assert "waiting_for_the_clock" not in events
        if "not_connected" in events:
            courier.stop()

    courier.run(Watcher(capsys, after))


def test_a_courier_whose_outbox_is_gone_says_so_and_goes_on_when_it_is_back(spool, capsys):
    folder = Path(spool.settings.shared)
    away = folder.with_name("away")
    folder.rename(away)
    clock = SetClock(SystemClock().now().utc)
    with contextlib.closing(Outbox(spool.settings.outbox_file, Limits(1 << 30, 1000, 0))) as outbox:
        courier = Courier(spool.settings, clock, outbox, orders_of(spool.settings))

        def after(events: list[str]) -> None:
            if "outbox_failed" in events and away.exists():
                away.rename(folder)
                clock.passed_s += 60
            if "outbox_works_again" in events:
                courier.stop()

        courier.run(Watcher(capsys, after))
