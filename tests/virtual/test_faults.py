"""What can go wrong on a device: each is shown by its lights and said in its status, and no report is lost by it.

The status is the one that came out of the broker and that the intake keeps. Whether a process fell over is systemd's to
say: none may have been restarted.
"""

from __future__ import annotations

import time

import pytest

from edge_agent.wire import status
from firmware.virtual.machine import BROKER
from provisioning.children import Mosquitto
from provisioning.throwaway import ThrowawayFleet
from tests.virtual.card import recover, waiting
from tests.virtual.guest import do, look
from tests.virtual.visitor import AT_REST, SESSION_S

SHARED = "/var/lib/homeward/shared"
MODELS = "/opt/homeward/lib/python3.13/site-packages/models/files"
CAMERAS = "/usr/share/libcamera/pipeline/virtual/virtual.yaml"
STUCK = "/run/virtual-camera-is-stuck"


def last_status(live) -> status.Status | None:
    """Give what central servers last heard of the kiosk."""
    with live.store() as store:
        heard = store.statuses()
    return status.read(heard[0].message) if heard else None


def what_blocks(live, kiosk) -> str | None:
    """Give why it takes no reports, by its own signed word as it came to central servers."""
    heard = last_status(live)
    if heard is None or heard.health is None:
        return "nothing heard"
    return status.trust_health(heard.health, kiosk.fleet.registry()).blocked_by


def restarts(kiosk) -> list[int]:
    """Count how often systemd had to start kiosk and courier again."""
    return [
        int(look(kiosk, "/usr/bin/systemctl", "show", "-P", "NRestarts", f"homeward-{name}.service"))
        for name in ("kiosk", "courier")
    ]


def is_shut(kiosk) -> bool:
    """Whether the lights say 'can't take a report now': the button's is dark, 'ready' blinks slowly or is dark."""
    return not kiosk.lights()[0] and not kiosk.lights()[2]


def wait_until_shut(live, kiosk, code: str) -> None:
    kiosk.until(lambda: is_shut(kiosk), "lights that say no", SESSION_S)
    kiosk.until(lambda: what_blocks(live, kiosk) == code, f"a status that says {code}", SESSION_S)


def wait_until_open(live, kiosk) -> None:
    kiosk.until(lambda: kiosk.lights() == AT_REST, "lights that say yes", SESSION_S)
    kiosk.until(lambda: what_blocks(live, kiosk) is None, "a status that says that all is well", SESSION_S)


def start_again(kiosk, *names: str) -> None:
    heard = len(kiosk.said())
    do(kiosk, "/usr/bin/systemctl", "restart", *(f"homeward-{name}.service" for name in names))
    for name in names:
        kiosk.wait_for("ready", program=name, timeout=SESSION_S, after=heard)


def plug_in(kiosk) -> None:
    kiosk.machine.qmp.call("set_link", {"name": "card", "up": True})


@pytest.mark.red_line(2)
def test_a_camera_that_gives_no_more_frames_ends_the_session_with_nothing_kept_and_is_opened_anew(live, kiosk, visitor):
    visitor.agree()
    do(kiosk, "/usr/bin/touch", STUCK)
    visitor.reach("nothing_kept")
    assert not kiosk.lights()[2]
    kiosk.wait_for("fault", code="camera", timeout=SESSION_S)
    visitor.reach("rest")
    wait_until_shut(live, kiosk, "camera")
    do(kiosk, "/usr/bin/rm", STUCK)
    wait_until_open(live, kiosk)
    assert restarts(kiosk) == [0, 0]


def test_a_kiosk_without_a_camera_says_so(live, kiosk):
    do(kiosk, "/usr/bin/mount", "--bind", "/dev/null", CAMERAS)
    start_again(kiosk, "kiosk")
    wait_until_shut(live, kiosk, "camera")
    assert restarts(kiosk) == [0, 0]


def test_a_damaged_model_is_never_used(live, kiosk):
    spoil = (
        f"cp -r {MODELS} /run/models && chmod -R a+rX /run/models && mount --bind /run/models {MODELS} && "
        f"for model in {MODELS}/*.tflite; do printf x | dd of=$model bs=1 seek=5000 conv=notrunc; done"
    )
    do(kiosk, "/bin/sh", "-c", spoil)
    start_again(kiosk, "kiosk")
    wait_until_shut(live, kiosk, "model")
    assert restarts(kiosk) == [0, 0]


@pytest.mark.red_line(14)
def test_a_full_card_is_said_before_anyone_is_asked_and_freed_it_goes_on(live, kiosk, visitor):
    do(kiosk, "/bin/sh", "-c", f"dd if=/dev/zero of={SHARED}/filler bs=1M; sync; true")
    kiosk.until(lambda: is_shut(kiosk), "lights that say no", SESSION_S)
    kiosk.press()
    visitor.reach("cannot")
    do(kiosk, "/usr/bin/truncate", "-s", "-64K", f"{SHARED}/filler")  # for the kiosk's word, not for a report
    wait_until_shut(live, kiosk, "outbox-full")
    do(kiosk, "/usr/bin/rm", f"{SHARED}/filler")
    wait_until_open(live, kiosk)
    assert restarts(kiosk) == [0, 0]


def wait_until_it_says_that_it_takes_no_writes(live, kiosk) -> None:
    """Until lights, the button and the courier's status say so. The kiosk's own word can't be written any more."""
    kiosk.until(lambda: is_shut(kiosk), "lights that say no", SESSION_S)
    heard = len(kiosk.said())
    kiosk.press()
    kiosk.wait_for("stage", stage="cannot", timeout=SESSION_S, after=heard)
    plug_in(kiosk)
    kiosk.until(lambda: (said := last_status(live)) and said.free_bytes == 0, "a status of no room", SESSION_S)
    assert last_status(live).health is None
    assert live.stored() == []


@pytest.mark.red_line(14)
def test_a_card_that_wears_out_is_said_before_anyone_is_asked_and_what_waits_on_it_is_kept(
    live, waiting_kiosk, record, tmp_path
):
    kiosk = waiting_kiosk
    kiosk.card.worn_out = True
    kiosk.machine.run("/bin/sh", "-c", f"touch {SHARED}/one; sync; touch {SHARED}/two")  # Linux sees it at the second
    wait_until_it_says_that_it_takes_no_writes(live, kiosk)
    assert restarts(kiosk) == [0, 0]
    kiosk.cut_power()
    assert waiting(recover(kiosk.card_image, tmp_path / "card")) == [record]


@pytest.mark.red_line(14)
def test_on_a_read_only_card_both_programs_start_and_say_so_and_what_waits_on_it_is_kept(live, waiting_kiosk, record):
    kiosk = waiting_kiosk
    do(kiosk, "/usr/bin/systemctl", "stop", "homeward-kiosk.service", "homeward-courier.service")
    do(kiosk, "/usr/bin/mount", "-o", "remount,ro", "/var/lib/homeward")
    start_again(kiosk, "kiosk", "courier")
    wait_until_it_says_that_it_takes_no_writes(live, kiosk)
    assert restarts(kiosk) == [0, 0]
    do(kiosk, "/usr/bin/mount", "-o", "remount,rw", "/var/lib/homeward")
    start_again(kiosk, "kiosk", "courier")  # their own views of the mount stay as they were
    kiosk.wait_for("receipted", record=record, timeout=SESSION_S)
    wait_until_open(live, kiosk)
    assert restarts(kiosk) == [0, 0]


@pytest.mark.red_line(14)
def test_a_clock_that_is_years_ahead_takes_no_reports_and_put_right_it_goes_on(live, waiting_kiosk, record):
    kiosk = waiting_kiosk
    do(kiosk, "/usr/bin/touch", "/run/systemd/timesync/synchronized")  # it says that it knows
    do(kiosk, "/usr/bin/date", "-s", "+3 years")
    kiosk.until(lambda: is_shut(kiosk), "lights that say no", SESSION_S)
    plug_in(kiosk)
    kiosk.until(lambda: "certificate has expired" in kiosk.console(), "the courier's words about it", SESSION_S)
    do(kiosk, "/usr/bin/date", "-s", f"@{int(time.time())}")  # noqa: TID251 - what a time server would say
    kiosk.wait_for("receipted", record=record, timeout=SESSION_S)
    wait_until_open(live, kiosk)
    assert restarts(kiosk) == [0, 0]


def test_a_foreign_broker_gets_nothing_and_the_report_waits_for_the_right_one(live, waiting_kiosk, record, tmp_path):
    kiosk = waiting_kiosk
    names = [BROKER.partition(":")[0], "127.0.0.1"]
    foreign = ThrowawayFleet(tmp_path / "foreign", live.fleet.recipients, broker_names=names)
    with Mosquitto(foreign.broker_settings, foreign.port):
        kiosk.reach(foreign.port)
        plug_in(kiosk)
        kiosk.until(lambda: "CERTIFICATE_VERIFY_FAILED" in kiosk.console(), "its reason", SESSION_S)
        assert kiosk.lights() == AT_REST  # it can take reports; staff see it as silent
        assert last_status(live) is None
    heard = len(kiosk.said())
    kiosk.reach(live.fleet.port)
    kiosk.wait_for("receipted", record=record, timeout=SESSION_S, after=heard)
    wait_until_open(live, kiosk)
    assert restarts(kiosk) == [0, 0]
