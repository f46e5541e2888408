"""A week without a network, begun without a clock: reports are taken, and arrive with honest words about their time."""

from __future__ import annotations

import time

from edge_agent.wire.fields import ClockQuality
from firmware.virtual.device import BOOT_S
from tests.virtual.test_session import opened
from tests.virtual.timekeeper import Timekeeper
from tests.virtual.visitor import SESSION_S, Visitor

WEEK_S = 7 * 86_400
HOUR_S = 3_600


def report(kiosk) -> str:
    """Play somebody who sends a report; return the record's id."""
    visitor = Visitor(kiosk)
    visitor.agree()
    record = visitor.send()
    visitor.leave()
    return record


def test_reports_of_a_week_offline_arrive_and_say_how_good_their_time_is(live, kiosk):
    kiosk.end()
    kiosk.card.put_back(kiosk.here / "at-rest-card")
    link = {"name": "card", "up": False}
    kiosk.boot("-rtc", "base=1970-01-01T00:00:00", linked=False)  # a Pi has no clock that goes on without power
    kiosk.wait_for_rest()
    guess = report(kiosk)
    kiosk.wait_for("waiting_for_the_clock", timeout=SESSION_S)

    with Timekeeper(-WEEK_S):  # a week ago somebody had a network for a moment, and time came
        kiosk.machine.qmp.call("set_link", {**link, "up": True})
        synchronised = "/run/systemd/timesync/synchronized"
        kiosk.until(lambda: not kiosk.machine.ask("/usr/bin/test", "-e", synchronised).status, "time", SESSION_S)
        kiosk.machine.qmp.call("set_link", link)
    sure = report(kiosk)

    assert kiosk.machine.run("/usr/bin/date", "-s", f"{WEEK_S} seconds").status == 0  # and then a week went by
    held = report(kiosk)
    assert live.stored() == []

    with Timekeeper():
        kiosk.machine.qmp.call("set_link", {**link, "up": True})
        for record in (guess, sure, held):
            kiosk.wait_for("receipted", record=record, timeout=BOOT_S)  # it tries every two minutes
    assert live.gaps() == [{"kiosk": "kiosk-1", "records": 3, "findings": []}]

    captured = [opened(live, record).captured for record in (guess, sure, held)]
    assert [one.quality for one in captured] == [ClockQuality.UNSET, ClockQuality.SYNCHRONISED, ClockQuality.HOLDOVER]
    now = int(time.time())  # noqa: TID251 - what the time server tells
    assert captured[0].utc < now - 2 * WEEK_S  # systemd begins at the day on which it was made, not at 1970
    assert captured[0].error_ms is None
    assert abs(captured[1].utc - (now - WEEK_S)) < HOUR_S
    assert abs(captured[2].utc - now) < HOUR_S
    assert {one.boot_id for one in captured} == {captured[0].boot_id}  # so that the first can be dated by the others
    assert [one.uptime_ms for one in captured] == sorted(one.uptime_ms for one in captured)
