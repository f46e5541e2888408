"""The guide names only commands that exist, and every command is in it."""

import re
from pathlib import Path

from typer.main import get_command

from provisioning.cli import app

GUIDE = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")


def paths(command, before=()):
    inner = getattr(command, "commands", None)
    if inner is None:
        return {" ".join(before)}
    return set().union(*(paths(each, (*before, name)) for name, each in inner.items()))


def test_the_guide_names_only_commands_that_exist_and_only_their_options():
    known = paths(get_command(app))
    groups = {path.split()[0] for path in known if " " in path}
    for named in re.findall(r"homeward-fleet ([a-z-]+(?: [a-z]+)?)", GUIDE):
        first = named.split()[0]
        assert (named if first in groups else first) in known, named
    options = {
        option
        for each in walk(get_command(app))
        for parameter in each.params
        for option in parameter.opts + parameter.secondary_opts
    }
    for option in re.findall(r"(?<!-)--[a-z][a-z-]+", re.sub(r"(homeward-intake|python -m firmware)[^`]*`", "", GUIDE)):
        assert option in options | {"--help"}, option


def walk(command):
    yield command
    for inner in getattr(command, "commands", {}).values():
        yield from walk(inner)


def test_every_command_is_in_the_guide():
    for path in paths(get_command(app)) - {"recipients list", "backup prove"}:
        assert path in GUIDE, path
