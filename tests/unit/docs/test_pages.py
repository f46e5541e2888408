"""Every page: no dead link, no name of a thing that isn't there."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest

from tests.unit.docs.documents import ROOT, anchors, links, marked_tests, pages, read, spans, tree

_FILE = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*(?:/|\.(?:py|md|toml|svg|cddl|json|txt|in))")
_EVERYWHERE = "boot|dev|etc|opt|proc|run|sys|usr|var"  # on every Debian alike
_ABSOLUTE = re.compile(rf"(?<![\w.~>\])*-])/(?!(?:{_EVERYWHERE})/)(?:[\w.-]+/)+[\w.-]+")
_KNOWN_ALONE = {".py", ".cddl", ".svg"}  # file names without a folder: others may be a user's own
EVERY_PAGE = pytest.mark.parametrize("page", pages())


def _names_a_file(span: str) -> bool:
    return bool(_FILE.fullmatch(span)) and ("/" in span or Path(span).suffix in _KNOWN_ALONE)


def _is_there(name: str, page: str) -> bool:
    """Look for it from the root, from the page, and anywhere by the end of its path; or as what git ignores."""
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    here = Path(name.strip("/"))
    if {str(place) for place in (here, *here.parents)} & ignored:
        return True
    beside = str(Path(page).parent / name)
    if name.endswith("/"):
        return (ROOT / name).is_dir() or (ROOT / beside).is_dir() or (ROOT / "edge_agent" / name).is_dir()
    if name.startswith("."):
        return (ROOT / name).exists()
    return any(fnmatch.fnmatch(f"/{path}", f"*/{name}") for path in tree())


@EVERY_PAGE
def test_every_link_leads_somewhere(page):
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(str(path.resolve().relative_to(ROOT))), f"no heading {anchor!r}"


@EVERY_PAGE
def test_every_file_and_folder_that_is_named_is_there(page):
    missing = [span for span in spans(page) if _names_a_file(span) and not _is_there(span, page)]
    assert not missing


@EVERY_PAGE
def test_every_test_that_is_named_exists(page):
    named = {span for span in spans(page) if re.fullmatch(r"test_\w+", span)}
    assert not named - marked_tests().keys()


@EVERY_PAGE
def test_no_page_names_a_path_of_somebodys_machine(page):
    outside_links = re.sub(r"\w+://\S+", "", read(page))
    assert not _ABSOLUTE.findall(outside_links)


def test_a_dead_name_would_be_seen():
    assert not _is_there("edge_agent/nothing.py", "README.md")
    assert not _is_there("edge_agent/nothing/", "README.md")
    assert _is_there("make_*.py", "tests/vectors/README.md")
    assert _ABSOLUTE.findall("it lies in /somebody/else/file.txt")
