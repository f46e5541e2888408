"""A kiosk's voice on the device's own stack: aplay inside the unit's sandbox, ALSA, a USB loudspeaker of QEMU's."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest

from firmware.virtual import image
from tests.virtual.conftest import KIOSK
from tests.virtual.guest import do
from tests.virtual.test_faults import restarts, start_again, wait_until_open, wait_until_shut
from tests.virtual.visitor import SESSION_S, Visitor

SETTINGS = "/var/lib/homeward/kiosk.toml"
STICK = "/dev/disk/by-id/virtio-stick"
ALL, ONE = '["zh", "ug", "en"]', '["en"]'
VOICE = '\n[voice]\nfolder = "voices"\n'
HEADER_BYTES = 44
AUDIBLE = 1000  # of 32,767; a tenth of what a recording reaches


def record(live, folder):
    """Let espeak-ng record on this computer what the kiosk says, as the units would on a kiosk."""
    shutil.copytree(live.fleet.kiosk_directory(KIOSK), folder)
    settings = (folder / "kiosk.toml").read_text(encoding="utf-8").replace(ALL, ONE) + VOICE
    (folder / "kiosk.toml").write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "edge_agent.kiosk", "voices", "--config", str(folder / "kiosk.toml")]
    subprocess.run(command, check=True, capture_output=True)
    assert list((folder / "voices/en").glob("*.wav"))
    return folder


def bring(kiosk, folder):
    """Carry settings and recordings to the kiosk, on a stick."""
    image.disk(kiosk.stick, "voices", folder, kiosk.stick.stat().st_size)
    do(kiosk, "/usr/sbin/blockdev", "--flushbufs", STICK)
    do(kiosk, "/usr/bin/mkdir", "-p", "/run/stick")
    do(kiosk, "/usr/bin/mount", "-o", "ro", STICK, "/run/stick")
    do(kiosk, "/usr/bin/cp", "-r", "/run/stick/voices/.", "/var/lib/homeward/voices")
    do(kiosk, "/usr/bin/cp", "/run/stick/kiosk.toml", SETTINGS)
    do(kiosk, "/usr/bin/umount", "/run/stick")


def loudness(kiosk):
    """How loud the loudest moment was that the loudspeaker played."""
    heard = kiosk.machine.heard
    content = heard.read_bytes()[HEADER_BYTES:] if heard.exists() else b""
    samples = np.frombuffer(content[: len(content) // 2 * 2], dtype="<i2").astype(np.int32)
    return int(np.abs(samples).max(initial=0))


@pytest.mark.red_line(12)
def test_a_kiosk_whose_loudspeaker_is_missing_takes_no_reports_and_speaks_once_it_is_plugged_in(live, kiosk, tmp_path):
    bring(kiosk, record(live, tmp_path / "recorded"))
    start_again(kiosk, "kiosk")
    before = restarts(kiosk)
    wait_until_shut(live, kiosk, "voice")

    kiosk.machine.plug_in_loudspeaker()
    wait_until_open(live, kiosk)
    assert loudness(kiosk) < AUDIBLE
    Visitor(kiosk).arrive()
    kiosk.until(lambda: loudness(kiosk) > AUDIBLE, "a voice", SESSION_S)
    assert restarts(kiosk) == before
