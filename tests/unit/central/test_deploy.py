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


def test_the_guide_names_every_file_beside_it():
    for path in [*UNITS, *DEPLOY.glob("*.json")]:
        assert f"]({path.relative_to(DEPLOY)})" in GUIDE, path
