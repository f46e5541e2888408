"""A kiosk whose settings name a voice records what it says by itself, as nobody who could do more than that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.container.conftest import DATA
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.container.conftest import Installed

pytestmark = pytest.mark.timeout(900)


@pytest.mark.red_line(12)
def test_a_kiosk_with_a_voice_records_what_it_says_as_soon_as_its_settings_name_one(installed: Installed) -> None:
    system = installed.system
    settings = system.root / DATA.lstrip("/") / "kiosk.toml"
    voices = settings.parent / "voices"
    plain = settings.read_text(encoding="utf-8")
    system.run("systemctl", "start", "homeward-voices.service")
    assert list(voices.iterdir()) == [], "no voice, no recordings"
    system.run("systemctl", "start", "homeward-voices.path")  # it looks at nothing while the service is being started
    try:
        settings.write_text(f'{plain}\n[voice]\nfolder = "voices"\n', encoding="utf-8")
        until((voices / "words.json").exists, "the first recording")
        system.run(
            "systemctl", "start", "homeward-voices.service"
        )  # waits for the run that goes on, or finds all there
        assert system.shows("homeward-voices.service", "Result") == "success"
        made = {path: path.stat().st_mtime_ns for path in voices.rglob("*.wav")}
        assert {path.parent.name for path in made if path.name == "notice.take_back.wav"} == {"en", "ug", "zh"}
        assert system.run("stat", "-c", "%U", f"{DATA}/voices/words.json").strip() == "homeward-kiosk"
        system.run("systemctl", "start", "homeward-voices.service")
        assert {path: path.stat().st_mtime_ns for path in voices.rglob("*.wav")} == made, "nothing is made twice"
    finally:
        settings.write_text(plain, encoding="utf-8")
