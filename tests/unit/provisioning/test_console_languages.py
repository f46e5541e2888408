"""Every word of the console can be said in every language: nothing stands beside the catalogues."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser

import pytest
from babel.messages.catalog import Catalog
from jinja2 import nodes

from edge_agent.catalogues import SOURCE
from edge_agent.catalogues.keeping import as_mo, faults, taken_up
from provisioning import languages
from provisioning.console.app import build
from provisioning.console.call import Console
from provisioning.console.door import Door
from provisioning.console.downloads import Downloads
from provisioning.console.language import asked_for
from provisioning.console.pages import TEMPLATES, ago, linked, sentence, term
from provisioning.fleet import Condition, Hardware, Network
from provisioning.fleet_directory import FleetDirectory
from provisioning.languages import __main__ as kept
from provisioning.languages import phrase, speak
from provisioning.office import Office
from tests.support.console_pages import PAGES
from tests.unit.provisioning.world import NOW, KioskKeys, Staff

LETTERS = re.compile(r"[A-Za-z]{2,}")
OF_A_KIOSK = {f"{name} · Homeward" for name in ("waiting-1", "working-1", "gone-1")}
A_NAME = {"Homeward", "· Homeward", ". · Homeward", *OF_A_KIOSK}  # the same in every language
ATTRIBUTES = ("aria-label", "title", "alt", "placeholder")
VOID = {"meta", "link", "img", "input", "br", "wbr", "hr"}


@pytest.fixture
def pseudo(tmp_path, monkeypatch):
    """A language in which every sentence stands between brackets, read from a catalogue as every other is."""
    made = Catalog(locale=SOURCE)
    for message in kept.source():
        if message.id:
            said = message.id if isinstance(message.id, str) else message.id[-1]
            spoken = said if said in {"ltr", "English", "its authors"} else f"⟦{said}⟧"
            made.add(message.id, spoken if isinstance(message.id, str) else (spoken, spoken))
    folder = tmp_path / "words" / "xx" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "staff.mo").write_bytes(as_mo(made))
    monkeypatch.setattr(languages, "_folder", lambda: tmp_path / "words")
    monkeypatch.setitem(languages._SCRIPTS, "xx", re.compile("⟦"))
    languages.language.cache_clear()
    yield "xx"
    languages.language.cache_clear()


@pytest.fixture
def spoken():
    """Speak English again when a test is over."""
    yield
    speak(SOURCE)


@pytest.fixture
def peopled(tmp_path) -> Staff:
    """A fleet with three kiosks: one waits, one is in service, one was revoked."""
    staff = Staff(tmp_path)
    staff.begin()
    staff.prove()
    for name in ("waiting-1", "working-1", "gone-1"):
        staff.ok(*staff.add(name, staff.folder / f"card-{name}"))
    keys = KioskKeys(staff.folder / "kiosk-keys")
    staff.ok("certify", "working-1", *keys.words, "--out", staff.folder / "back", *staff.office)
    staff.ok("revoke", "gone-1", "--confirm", "gone-1", *staff.office)
    return staff


class Reader(HTMLParser):
    """Reads a page as a person does; keeps the words outside of brackets that are not data."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.depth = 0
        self.left: list[str] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.left += [given[name] for name in ATTRIBUTES if given.get(name) and not given[name].startswith("⟦")]
        if tag not in VOID:
            data = tag in {"bdi", "code", "time", "script", "style", "textarea"} or given.get("lang", "xx") != "xx"
            self.open.append((tag, data or "dir" in given or "ltr" in (given.get("class") or "").split()))

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, text):
        data = any(is_data for tag, is_data in self.open if tag != "html")
        for part in re.split("([⟦⟧])", text):
            self.depth += {"⟦": 1, "⟧": -1}.get(part, 0)
            if not self.depth and not data and LETTERS.search(part) and part.strip() not in A_NAME:
                self.left.append(part.strip())


def get(app, door: Door, session: str, address: str, *, site="same-origin", referer="") -> tuple[str, dict[str, str]]:
    """Ask for a page as the browser that was let in does, in the pseudo-language; give it and its headers."""
    path, _, query = address.partition("?")
    headers = {"host": door.host, "sec-fetch-site": site, "referer": referer}
    headers["cookie"] = f"homeward-fleet={session}; homeward-language=xx"
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 1),
    }
    body, answered = [], {}

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        body.append(message.get("body", b""))
        answered.update((name.decode(), value.decode()) for name, value in message.get("headers", []))

    with ThreadPoolExecutor(1) as own:  # where no browser of another test has a loop of its own
        own.submit(asyncio.run, app(scope, receive, send)).result()
    return b"".join(body).decode(), answered


def test_no_page_has_a_word_beside_the_catalogue(peopled, pseudo):
    office = Office(FleetDirectory(peopled.fleet), "Amina", NOW)
    with Downloads() as downloads:
        door = Door(1)
        session = door.enter(door.link.rpartition("/")[2])
        app = build(Console(lambda: office, door, downloads))
        left = {}
        for address in (each for addresses in PAGES.values() for each in addresses):
            reader = Reader()
            page, _ = get(app, door, session, address)
            assert '<html lang="xx"' in page, address
            assert "⟦" in page, address
            reader.feed(page)
            left |= {address: reader.left} if reader.left else {}
    assert not left


def test_the_test_above_would_see_a_word():
    reader = Reader()
    reader.feed('<html lang="xx"><p aria-label="Word">⟦said <bdi>data</bdi> so⟧ left <code>code</code></p></html>')
    assert reader.left == ["Word", "left"]


@pytest.mark.parametrize("name", TEMPLATES.list_templates())
def test_no_template_has_a_word_beside_the_catalogue_in_any_of_its_branches(name):
    """What is never reached by a look at a fleet, such as what went wrong, is seen here."""
    source = TEMPLATES.loader.get_source(TEMPLATES, name)[0]
    written = "".join(data.data for data in TEMPLATES.parse(source).find_all(nodes.TemplateData))
    outside = re.sub(r"<[^<>]*>|<[^<>]*$|&\w+;", "|", written)
    words = [part.strip() for part in outside.split("|") if LETTERS.search(part) and "=" not in part]
    assert [word for word in words if word not in A_NAME | {"MiB"}] == []


@pytest.mark.parametrize("value", ["needs a person", *Condition, *Hardware, *Network])
def test_every_fixed_term_can_be_said(value, pseudo, spoken):
    speak(pseudo)
    assert term(value).startswith("⟦")


def test_the_catalogues_are_what_the_console_says(capsys):
    assert kept.main(["--check"]) == 0, capsys.readouterr().err


def test_a_message_that_is_missing_stale_or_torn_is_named():
    source = Catalog()
    for english in ("Go on", "Kiosk {kiosk} is added", "Open the `door`", "%(count)s <b>kiosks</b>"):
        source.add(english)
    made = taken_up(Catalog(), source, "zh")
    assert [line.split(":")[1] for line in faults("zh", made)] == [" is not translated"] * 4
    for english, said in (
        ("Kiosk {kiosk} is added", "加"),
        ("Open the `door`", "开"),
        ("%(count)s <b>kiosks</b>", "%(count)s"),
    ):
        made.get(english).string = said
    made.get("Go on").string = "继续"
    made.get("Go on").flags.add("fuzzy")
    said = [line.split(":")[1] for line in faults("zh", made)]
    assert (
        said
        == [" was translated from other words than now"]
        + [" holds other places, markup or commands than the English"] * 3
    )


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"),
        ("xx-CN,xx;q=0.9,en;q=0.8", "xx"),
        ("fr, en;q=0.5, xx;q=0.4", "en"),
        ("xx;q=0, *", "en"),
        (";q=x", "en"),
    ],
)
def test_a_browser_is_answered_in_the_language_that_it_likes_best(header, code, pseudo):
    assert asked_for(header) == code


def test_a_choice_leads_back_to_our_own_page_alone_and_another_page_can_not_make_it(tmp_path, pseudo):
    office = Office(FleetDirectory(tmp_path / "fleet"), "Amina", NOW)
    with Downloads() as downloads:
        door = Door(1)
        session = door.enter(door.link.rpartition("/")[2])
        app = build(Console(lambda: office, door, downloads))
        ours = f"{door.origin}/order?kiosk=a"
        _, chosen = get(app, door, session, "/language/xx", referer=ours)
        assert chosen["location"] == ours
        assert "samesite=strict" in chosen["set-cookie"].lower()
        for foreign in ("http://evil.example/", f"{door.origin}.evil.example/", ""):
            assert get(app, door, session, "/language/xx", referer=foreign)[1]["location"] == "/"
        page, refused = get(app, door, session, "/language/xx", site="cross-site", referer="http://evil.example/")
        assert "another page tried to look in here" in page
        assert "set-cookie" not in refused


def test_facts_keep_their_order_between_words_that_run_from_right_to_left(tmp_path, monkeypatch, spoken):
    made = Catalog(locale="ug")
    made.add("ltr", "rtl")
    made.add("Copy {file}: `homeward-fleet card {kiosk}`", "{file} نى كۆچۈرۈڭ: `homeward-fleet card {kiosk}`")
    folder = tmp_path / "ug" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "staff.mo").write_bytes(as_mo(made))
    monkeypatch.setattr(languages, "_folder", lambda: tmp_path)
    languages.language.cache_clear()
    speak("ug")
    said = phrase("Copy {file}: `homeward-fleet card {kiosk}`", file="/a/b", kiosk="kiosk-1")
    assert said.startswith("\u2068/a/b\u2069 ")
    assert '<code dir="ltr">homeward-fleet card kiosk-1</code>' in linked(said), "a command is typed without marks"
    assert linked("still English") == '<bdi lang="en" dir="ltr">still English</bdi>'
    languages.language.cache_clear()


def test_english_needs_no_catalogue():
    assert phrase("Kiosk {kiosk} is added", kiosk="a") == "Kiosk a is added"
    assert ago(NOW - 600, NOW) == "10 minutes ago"
    assert linked(sentence("it is {so}")) == "It is {so}."
