"""Settings are read strictly, and every error says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import pytest

from edge_agent import config
from edge_agent.errors import SettingsError
from edge_agent.settings import Settings, describe, parse, read, setting

if TYPE_CHECKING:
    from pathlib import Path


class Lamp(Settings, frozen=True, kw_only=True):
    colour: Annotated[str, setting("Its colour")]


class House(Settings, frozen=True, kw_only=True):
    lamps: list[Lamp]
    cellar: Lamp | None = None


GOOD = """
fleet = "demo"
kiosk = "kiosk-1"
shared = "shared"
signing_key = "signing.key"
[site]
id = "s1"
name = "Station"
latitude = 41.5
longitude = 87.0
area = "Area"
[trust]
root = "root.pub"
bundle = "bundle.cose"
[consent]
languages = ["ug", "zh", "en"]
[hardware]
kind = "raspberry-pi"
[broker]
addresses = ["localhost:8883"]
ca = "ca.pem"
certificate = "tls.pem"
key = "tls.key"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "kiosk.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        config.load(write(tmp_path, text))
    return caught.value.explain()


def test_file_names_are_relative_to_the_settings_file(tmp_path):
    loaded = config.load(write(tmp_path, GOOD))
    assert loaded.signing_key == str(tmp_path / "signing.key")
    assert loaded.outbox_file == tmp_path / "shared" / "outbox.db"
    assert loaded.broker.key == str(tmp_path / "tls.key")


def test_a_misspelt_key_gets_the_nearest_known_name(tmp_path):
    text = refused(tmp_path, GOOD.replace("signing_key", "singing_key"))
    assert "singing_key is no setting" in text
    assert "'signing_key'" in text


def test_a_misspelt_key_in_a_table_is_named_with_its_table(tmp_path):
    text = refused(tmp_path, GOOD.replace("latitude", "lattitude"))
    assert "site.lattitude is no setting" in text
    assert "'latitude'" in text


def test_a_key_that_is_missing_is_named_with_its_table(tmp_path):
    text = refused(tmp_path, GOOD.replace("latitude = ", "#"))
    assert "site.latitude is missing" in text
    assert "Add it" in text


def test_a_key_like_nothing_known_gets_the_list(tmp_path):
    assert "Known here: id, name, latitude" in refused(tmp_path, GOOD.replace("latitude", "zzzzzzz"))


def test_a_value_out_of_range_is_named(tmp_path):
    assert "site.latitude" in refused(tmp_path, GOOD.replace("41.5", "91.5"))


def test_two_parts_on_one_line_are_refused(tmp_path):
    text = refused(tmp_path, GOOD + "\n[hardware.pins]\nbutton = 17\nready_light = 17\n")
    assert "hardware.pins: GPIO 17 is the line of button and ready_light" in text


def test_a_value_of_another_type_is_named(tmp_path):
    assert "kiosk" in refused(tmp_path, GOOD.replace('"kiosk-1"', "1"))


def test_an_id_that_no_broker_would_carry_is_refused(tmp_path):
    for bad in ("Kiosk", "a.b", "a+", "#", "a/b", "", "x" * 33):
        assert "kiosk" in refused(tmp_path, GOOD.replace('"kiosk-1"', f'"{bad}"'))


def test_what_is_not_toml_is_named_with_its_place(tmp_path):
    assert "is not TOML" in refused(tmp_path, GOOD + "\n[[[")


def test_what_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "kiosk.toml"
    path.write_bytes(b"fleet = '\xff'")
    with pytest.raises(SettingsError, match="can't be read"):
        config.load(path)


def test_a_missing_file_says_how_to_name_one(tmp_path):
    with pytest.raises(SettingsError) as caught:
        config.load(tmp_path / "nothing.toml")
    assert "--config" in caught.value.next_step


def test_a_kiosk_never_simulates_by_accident(tmp_path):
    assert "hardware" in refused(tmp_path, GOOD.replace('[hardware]\nkind = "raspberry-pi"\n', ""))
    assert "[hardware.simulated]" in refused(tmp_path, GOOD.replace("raspberry-pi", "simulated"))


def test_recordings_lie_beside_the_settings_unless_told_otherwise(tmp_path):
    settings = config.load(write(tmp_path, GOOD + '[voice]\nfolder = "voices"\n'))
    assert settings.voice.folder == str(tmp_path / "voices")
    assert settings.explains_itself


@pytest.mark.parametrize("sha256", ["", "ab", "g" * 64, "A" * 64])
def test_a_printed_notice_has_the_hash_of_its_file(tmp_path, sha256):
    assert "sha256" in refused(tmp_path, GOOD + f'[printed_notice]\nid = "poster-3"\nsha256 = "{sha256}"\n')


@pytest.mark.red_line(8)
def test_a_kiosks_settings_name_the_keys_with_which_it_signs_and_none_that_opens_a_report():
    names = {line.split(":")[0] for line in describe(config.KioskSettings).splitlines()}
    assert {name for name in names if "key" in name} == {"signing_key", "broker.key"}


def test_every_setting_of_the_kiosk_is_described():
    for line in describe(config.KioskSettings).splitlines():
        name, _, text = line.partition(": ")
        assert text, f"{name} has no description"
        assert not text.startswith(" (default"), f"{name} has no description"


def test_an_unknown_key_in_a_list_of_tables_is_found():
    with pytest.raises(SettingsError, match=r"lamps\[1\].color is no setting") as caught:
        parse('[[lamps]]\ncolour = "red"\n[[lamps]]\ncolor = "red"', House, name="house")
    assert "'colour'" in caught.value.next_step
    with pytest.raises(SettingsError, match=r"cellar.color is no setting"):
        parse('lamps = []\n[cellar]\ncolor = "red"', House, name="house")


def test_a_directory_in_place_of_a_file_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="can't be read"):
        read(tmp_path, config.KioskSettings)
