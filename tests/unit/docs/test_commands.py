"""Every command is explained somewhere, and every command that is named exists."""

from __future__ import annotations

import importlib
import importlib.util
import re
import tomllib
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tests.unit.docs.documents import ROOT, code, pages

SCRIPTS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
EVERY_PAGE = pytest.mark.parametrize("page", pages())


def _module(program: str) -> Any:
    return importlib.import_module(SCRIPTS[program].partition(":")[0])


def _subcommands(program: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    module = _module(program)
    if hasattr(module, "app"):
        return set(typer.main.get_command(module.app).commands)
    with pytest.raises(SystemExit):
        module.main(["--help"])
    return set(re.search(r"\{([\w,-]+)\}", capsys.readouterr().out)[1].split(","))


@pytest.mark.parametrize("program", SCRIPTS)
def test_every_command_of_a_program_is_explained_in_the_readme(program, capsys):
    explained = set(re.findall(rf"\b{program} ([a-z-]+)", code("README.md")))
    assert explained == _subcommands(program, capsys)


@pytest.mark.parametrize("program", [program for program in SCRIPTS if hasattr(_module(program), "app")])
def test_no_list_of_commands_cuts_a_sentence_on_a_screen_of_80_columns(program):
    app = _module(program).app
    top = typer.main.get_command(app)
    groups = [(), *((name,) for name, command in top.commands.items() if hasattr(command, "commands"))]
    for group in groups:
        listed = CliRunner().invoke(app, [*group, "--help"], env={"COLUMNS": "80"}).stdout.partition("Commands:")[2]
        assert len(listed.splitlines()) > 1
        assert [line for line in listed.splitlines() if line.endswith("...")] == []


@EVERY_PAGE
def test_every_command_of_a_program_that_is_named_exists(page, capsys):
    for program, command in re.findall(r"\b(homeward-[a-z]+) ([a-z]+(?:-[a-z]+)*)\b", code(page)):
        assert command in _subcommands(program, capsys)


@EVERY_PAGE
def test_every_program_that_is_named_exists(page):
    named = set(re.findall(r"\bhomeward-[a-z]+\b(?!-|\.service|\.timer|\.\*)", code(page)))
    assert named <= SCRIPTS.keys()


def test_every_make_target_is_explained():
    explained = {
        words for page in ("README.md", "CONTRIBUTING.md") for words in re.findall(r"\bmake ([a-z-]+)", code(page))
    }
    assert explained == TARGETS


@EVERY_PAGE
def test_every_make_target_that_is_named_exists(page):
    assert set(re.findall(r"\bmake ([a-z-]+)", code(page))) <= TARGETS


@EVERY_PAGE
def test_every_module_that_is_to_be_run_exists(page):
    for module in re.findall(r"python -m ([\w.]+)", code(page)):
        assert importlib.util.find_spec(module) is not None, module
