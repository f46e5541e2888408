"""The README's map is the tree's, and its table is the demonstration's last line."""

from __future__ import annotations

import json
import re
from dataclasses import fields

from provisioning.demo import Outcome
from tests.unit.docs.documents import ROOT, read, rows, tree

_PARTS_OF = ("edge_agent", "central", "provisioning", "firmware", "tests")  # whose folders the map shows too


def _mapped() -> set[str]:
    return {row[0].strip("`") for row in rows("README.md", "## The map")}


def test_the_map_shows_folders_that_are_there():
    assert all((ROOT / folder).is_dir() for folder in _mapped())


def test_every_folder_is_on_the_map():
    outer = {path.parts[0] for path in tree() if len(path.parts) > 1} - {"tests"}
    inner = {"/".join(path.parts[:2]) for path in tree() if path.parts[0] in _PARTS_OF and len(path.parts) > 2}
    assert {f"{folder}/" for folder in outer | inner} <= _mapped()


def test_every_field_of_the_last_line_is_explained():
    explained = [row[0].strip("`") for row in rows("README.md", "## What the demonstration shows")]
    assert explained == [field.name for field in fields(Outcome)]


def test_every_time_in_the_last_line_is_explained():
    drawn = "".join(re.findall(r">([^<]*)</text>", (ROOT / "docs/pictures/demo.svg").read_text(encoding="utf-8")))
    last = json.loads(re.search(r"\{.*\}", drawn.replace("&quot;", '"'))[0])
    explained = next(row[1] for row in rows("README.md", "## What the demonstration shows") if row[0] == "`ms`")
    assert set(last["ms"]) == set(re.findall(r"`(\w+)`", explained))


def test_the_readme_gives_the_two_commands():
    block = re.search(r"```sh\n(.*?)```", read("README.md"), re.DOTALL)[1]
    assert [line.split("#")[0].strip() for line in block.strip().splitlines()] == ["make demo", "make test"]
