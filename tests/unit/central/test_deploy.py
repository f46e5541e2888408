"""What central/deploy tells to do can be done: its commands exist, and its units are sound."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from central.intake.cli import app as intake
from provisioning.cli import app as fleet
from tests.unit.firmware.units import complaints, exposure

DEPLOY = Path(__file__).parents[3] / "central" / "deploy"
GUIDE = (DEPLOY / "README.md").read_text(encoding="utf-8")
UNITS = sorted((DEPLOY / "units").iterdir())


def test_systemd_finds_nothing_wrong_with_the_units():
    assert len(UNITS) == 3
    assert complaints(*UNITS) == []


def test_the_intake_is_exposed_no_more_than_a_kiosk():
    assert exposure(DEPLOY / "units" / "homeward-intake.service").figure <= 1.5


@pytest.mark.parametrize(("program", "app"), [("homeward-intake", intake), ("homeward-fleet", fleet)])
def test_the_guide_names_only_commands_and_options_that_exist(program, app):
    used = re.findall(rf"(?<![-/\w]){program} ([a-z][^\n`]*)", GUIDE)
    assert used
    for line in used:
        command = get_command(app)
        words = line.split()
        while words and (inner := getattr(command, "commands", {}).get(words[0])):
            command, words = inner, words[1:]
        options = {option for parameter in command.params for option in parameter.opts}
        for option in re.findall(r"(?<!\S)--[a-z-]+", line):
            assert option in options, (line, option)


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.name)
def test_the_guide_makes_the_user_of_every_service_and_puts_its_settings_where_they_are_read(unit):
    lines = dict(line.split("=", 1) for line in unit.read_text(encoding="utf-8").splitlines() if "=" in line)
    (config,) = re.findall(r"--config (\S+)", lines["ExecStart"])
    assert re.search(rf"useradd --system --home-dir {Path(config).parent} .*\b{lines['User']}\n", GUIDE)
    assert f"chown -R {lines['User']}: {Path(config).parent} && chmod 700" in GUIDE
    assert f"homeward-intake check --config {config}" in GUIDE or f"homeward-intake migrate --config {config}" in GUIDE


def test_the_guide_names_every_file_beside_it():
    for path in [*UNITS, *DEPLOY.glob("*.json")]:
        assert f"]({path.relative_to(DEPLOY)})" in GUIDE, path
