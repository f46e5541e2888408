"""The project's pages, taken apart: their code, their links, their tables; and what the tree really holds."""

from __future__ import annotations

import ast
import os
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
_NOT_OURS = {"node_modules", "__pycache__", "demo", "dist", "build"}  # besides all that begins with a dot

_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`((?:[^`\n]|\n(?!\s*\n))+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@cache
def tree() -> frozenset[Path]:
    """All of our files, relative to the root."""
    found = set()
    for place, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _NOT_OURS]
        found |= {Path(place, name).relative_to(ROOT) for name in files}
    made = {path for path in found if path.parts[:2] == ("models", "files") or path.parts[0] == "bench"}
    return frozenset(found - made)


def pages() -> list[str]:
    return sorted(str(path) for path in tree() if path.suffix == ".md")


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def spans(page: str) -> list[str]:
    """What stands between backticks."""
    return [" ".join(span.split()) for span in _SPAN.findall(_BLOCK.sub("", read(page)))]


def code(page: str) -> str:
    """Everything that is set as code."""
    return "\n".join(_BLOCK.findall(read(page)) + spans(page))


def links(page: str) -> list[str]:
    return _LINK.findall(_BLOCK.sub("", read(page)))


def anchors(page: str) -> set[str]:
    """The names that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.*)$", _BLOCK.sub("", read(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of all tables below a heading, up to the next heading of its level; header rows left out."""
    level = heading.split(" ", maxsplit=1)[0]
    _, found, below = f"\n{read(page)}".partition(f"\n{heading}\n")
    assert found, f"{page} has no heading {heading!r}"
    section = re.split(rf"^{level} ", below, maxsplit=1, flags=re.MULTILINE)[0]
    tables = [block for block in re.split(r"\n\s*\n", section) if block.lstrip().startswith("|")]
    lines = [line for table in tables for line in table.strip().splitlines()[2:]]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]


def named_tests(text: str) -> list[str]:
    return re.findall(r"`(test_\w+)`", text)


@cache
def marked_tests() -> dict[str, set[int]]:
    """Every test's name, with the numbers of the red lines that it is marked with."""
    found: dict[str, set[int]] = {}
    for path in tree():
        if path.parts[0] == "tests" and path.name.startswith("test_") and path.suffix == ".py":
            for name, marks in _tests_in(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
                found.setdefault(name, set()).update(marks)
    return found


def _tests_in(module: ast.Module) -> list[tuple[str, set[int]]]:
    found: list[tuple[str, set[int]]] = []
    of_all: set[int] = set()
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef(name=name, decorator_list=decorators) if name.startswith("test_"):
                found.append((name, set().union(*map(_marks, decorators))))
            case ast.Assign(targets=[ast.Name(id="pytestmark")], value=value):
                of_all |= _marks(value)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.startswith("test_"):
                found.append((name, _marks(value)))
    return [(name, marks | of_all) for name, marks in found]


def _marks(node: ast.expr) -> set[int]:
    if "red_line" not in ast.unparse(node):
        return set()
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, int)}
