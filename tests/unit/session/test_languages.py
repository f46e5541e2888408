"""The catalogues: what is missing is named, what is stale is not used, and a language is a folder with words."""

from __future__ import annotations

import io
import re

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from edge_agent.catalogues.keeping import as_mo, as_po, faults, taken_up
from edge_agent.session import languages
from edge_agent.session.languages import __main__ as catalogues
from edge_agent.session.languages.__main__ import main, source
from edge_agent.session.words import ENGLISH

CHANGED = dict(ENGLISH) | {"choice.no": "No, not now"}


def backwards(english: str) -> str:
    """Say something backwards, but for what is filled in."""
    return "".join(part if part.startswith("{") else part[::-1] for part in re.split(r"(\{\w+\})", english))


@pytest.fixture
def catalogue() -> Catalog:
    """A language in which everything is said backwards."""
    made = Catalog()
    for key, english in ENGLISH.items():
        made.add(english, backwards(english), context=key)
    return taken_up(made, source(), "xx")


def of(catalogue: Catalog, key: str):
    return next(message for message in catalogue if message.context == key)


def test_the_catalogues_are_what_the_words_give(capsys):
    status = main(["--check"])
    said = capsys.readouterr()
    assert status == 0, said.err
    assert "need a native reader" in said.out


def test_every_language_is_a_folder_and_english_is_the_source():
    assert languages.codes() == ("en", "ug", "zh")
    assert languages.words("en") is ENGLISH


def test_what_is_written_is_read_back_as_it_was(catalogue):
    again = taken_up(read_po(io.BytesIO(as_po(catalogue))), source(), "xx")
    assert as_po(again) == as_po(catalogue)
    assert as_mo(again) == as_mo(catalogue)
    assert list(faults("xx", again)) == []


def test_a_new_language_lacks_every_word_and_each_is_named():
    said = list(faults("sw", taken_up(Catalog(), source(), "sw")))
    assert len(said) == len(ENGLISH)
    assert "sw: choice.no is not translated: No" in said


def test_a_sentence_whose_english_changed_is_named_and_not_used(catalogue, monkeypatch, tmp_path):
    monkeypatch.setattr(catalogues, "ENGLISH", CHANGED)
    changed = taken_up(catalogue, source(), "xx")
    assert list(faults("xx", changed)) == ["xx: choice.no was translated from other words than now: No, not now"]
    assert of(changed, "choice.no").string == "oN", "the translator sees what stood there"
    folder = tmp_path / "xx" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "homeward.mo").write_bytes(as_mo(changed))
    monkeypatch.setattr(languages, "_folder", lambda: tmp_path)
    assert languages.words("xx")["choice.no"] == ""
    assert languages.words("xx")["choice.yes"] == "seY"
    assert languages.codes() == ("en", "xx")


def test_it_stays_named_until_somebody_has_looked_at_it(catalogue, monkeypatch):
    monkeypatch.setattr(catalogues, "ENGLISH", CHANGED)
    twice = taken_up(taken_up(catalogue, source(), "xx"), source(), "xx")
    assert len(list(faults("xx", twice))) == 1
    of(twice, "choice.no").flags.discard("fuzzy")
    assert list(faults("xx", taken_up(twice, source(), "xx"))) == []


def test_a_sentence_that_lost_what_is_filled_in_is_named(catalogue):
    of(catalogue, "choice.face").string = "ecaF"
    said = list(faults("xx", catalogue))
    assert said == ["xx: choice.face holds other places, markup or commands than the English: Face {number}"]
