"""Kiosks of a list, added at the console: first shown, then all are added, or none."""

import asyncio
import html
import io
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from provisioning.console import kiosks_list
from provisioning.console.app import build
from provisioning.console.call import Console
from provisioning.console.door import Door
from provisioning.console.downloads import Downloads
from provisioning.fleet_directory import FleetDirectory
from provisioning.office import Office
from tests.unit.provisioning.test_add_many import FIRST, HEAD, SECOND
from tests.unit.provisioning.world import NOW, OFFICE

GOOD = HEAD + FIRST + SECOND
SLIPS = HEAD + FIRST + "Kiosk_2,Hall,Urumqi,43.8,87.6,Asia/Urumqi,ug,\nkiosk-3,Hall,Urumqi,143.8,87.6,Asia/Urumqi,ug,\n"
PAGE = "/add/many"
BOUNDARY = "a-line-between"


class Inside:
    """A browser that was let in: it fills in the console's forms and follows where they lead."""

    def __init__(self, staff, downloads):
        office = Office(FleetDirectory(staff.fleet), "Amina", NOW)
        self.door = Door(1)
        self.session = self.door.enter(self.door.link.rpartition("/")[2])
        self.app = build(Console(lambda: office, self.door, downloads))

    def sends(self, *, file=b"", token=None, **fields):
        """Send the form, a file with it; give the status and the page that comes of it."""
        parts = [("form-token", "", (token or self.door.form_token).encode())]
        parts += [(name.replace("_", "-"), "", text.encode()) for name, text in fields.items()]
        parts += [("list", '; filename="kiosks.csv"\r\nContent-Type: text/csv', file)] if file else []
        body = b"".join(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"
            for name, more, content in parts
        )
        status, headers, page = self._ask("POST", PAGE, body + f"--{BOUNDARY}--\r\n".encode())
        return (status, page.decode()) if status != 303 else (status, self.gets(headers["location"]).decode())

    def confirms(self, page, **fields):
        """Send what the page that shows the list has in its form, with this beside it, as a browser would."""
        shown = html.unescape(re.search(r'<textarea name="list-pasted" hidden>(.*?)</textarea>', page, re.DOTALL)[1])
        return self.sends(list_pasted="\r\n".join(shown.splitlines()), shown="yes", **fields)

    def gets(self, address):
        return self._ask("GET", address, b"")[2]

    def _ask(self, method, path, body):
        headers = {
            "host": self.door.host,
            "origin": self.door.origin,
            "sec-fetch-site": "same-origin",
            "cookie": f"homeward-fleet={self.session}",
            "content-type": f"multipart/form-data; boundary={BOUNDARY}",
        }
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 1),
        }
        said, begun = [], {}

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            if message["type"] == "http.response.start":
                begun.update(status=message["status"])
                begun.update((name.decode(), value.decode()) for name, value in message["headers"])
            said.append(message.get("body", b""))

        with ThreadPoolExecutor(1) as own:  # where no browser of another test has a loop of its own
            own.submit(asyncio.run, self.app(scope, receive, send)).result()
        return begun["status"], begun, b"".join(said)


@pytest.fixture
def inside(staff):
    with Downloads() as downloads:
        yield Inside(staff, downloads)


def words(page):
    """Give what a person reads of the page's content."""
    main = page.partition("<main")[2].partition("</main>")[0]
    return html.unescape(re.sub(r"<[^>]*>", "", main))


def test_a_list_is_shown_first_and_nothing_is_done(staff, inside):
    before = staff.everything()
    status, page = inside.sends(file=GOOD.encode())
    assert status == 200
    assert "2 kiosks would be added" in words(page)
    assert all(name in words(page) for name in ("kiosk-1", "Station, east hall", "kiosk-2", "火车站"))
    assert staff.everything() == before


@pytest.mark.parametrize(
    "given",
    [{"file": GOOD.encode()}, {"file": b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()}, {"list_pasted": GOOD}],
    ids=["a file", "as a spreadsheet saves it", "pasted"],
)
def test_once_confirmed_all_are_added_in_one_act_and_one_file_holds_their_cards_and_labels(staff, inside, given):
    _, page = inside.sends(**given)
    status, done = inside.confirms(page, passphrase=OFFICE)
    assert status == 303
    assert "Kiosks added: 2" in words(done)
    assert [kiosk.plan.id for kiosk in staff.state().kiosks] == ["kiosk-1", "kiosk-2"]
    assert "add-many  kiosks: kiosk-1; kiosk-2" in staff.ok("audit")
    with zipfile.ZipFile(io.BytesIO(inside.gets(re.search(r"/download/[\w-]+", done)[0]))) as fetched:
        assert {name.partition("/")[0] for name in fetched.namelist()} == {
            *("kiosk-1", "kiosk-1-label.pdf", "kiosk-2", "kiosk-2-label.pdf")
        }
        assert fetched.read("kiosk-2/kiosk.toml").decode().count("火车站") == 1


def test_each_line_with_a_slip_is_named_and_the_list_stays_to_be_corrected(staff, inside):
    before = staff.everything()
    status, page = inside.sends(file=SLIPS.encode())
    assert status == 422
    said = words(page).splitlines()
    for number, why in {3: "such as urumqi-station-1", 4: "the latitude must lie"}.items():
        (told,) = [line for line in said if line.strip().startswith(f"line {number}: ")]
        assert why in told
    assert "kiosk-3,Hall" in words(page)
    assert "passphrase" not in page.partition("<form method")[2].partition("</form>")[0].partition("list-pasted")[2]
    assert staff.everything() == before


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "There is no list"),
        ({"list_pasted": "  \r\n"}, "There is no list"),
        ({"file": GOOD.encode("utf-16"), "list_pasted": GOOD}, "is not UTF-8 text"),
        ({"file": b"%PDF-1.7"}, "lacks the column id"),
    ],
)
def test_what_is_no_list_is_said(inside, given, expected):
    status, page = inside.sends(**given)
    assert status == 422
    assert expected in words(page)
    assert "What would be added is shown before anything is done" in words(page)


def test_a_list_without_bounds_is_not_taken(staff, inside):
    before = staff.everything()
    full = HEAD.encode().ljust(kiosks_list._LARGEST, b"\n")
    assert inside.sends(file=full)[0] == 422
    status, page = inside.sends(file=full + b"\n")
    assert status == 413
    assert "larger than 256 KiB" in page
    assert inside.sends(list_pasted="a" * (2 * kiosks_list._LARGEST + 1))[0] == 400
    assert staff.everything() == before


def test_a_list_as_large_as_is_taken_can_be_confirmed(inside):
    rest = (FIRST + SECOND).encode()
    most = HEAD.encode().ljust(kiosks_list._LARGEST - len(rest), b"\n") + rest
    status, page = inside.sends(file=most)
    assert status == 200
    assert inside.confirms(page, passphrase=OFFICE)[0] == 303


@pytest.mark.parametrize("shown", ["", "yes"])
def test_without_the_consoles_token_a_list_does_nothing(staff, inside, shown):
    before = staff.everything()
    status, page = inside.sends(list_pasted=GOOD, shown=shown, passphrase=OFFICE, token=Door(1).form_token)
    assert status == 403
    assert "not one of the console's" in html.unescape(page)
    assert staff.everything() == before


def test_after_a_wrong_passphrase_the_list_is_shown_still_and_none_is_added(staff, inside):
    before = staff.state()
    _, page = inside.sends(file=GOOD.encode())
    status, again = inside.confirms(page, passphrase="not at all the right one")
    assert status == 422
    assert "does not open the office keys" in words(again)
    assert "2 kiosks would be added" in words(again)
    assert staff.state() == before
    assert inside.confirms(again, passphrase=OFFICE)[0] == 303


def test_when_one_of_them_was_added_meanwhile_none_is(staff, inside):
    _, page = inside.sends(file=GOOD.encode())
    staff.ok(*staff.add("kiosk-2", staff.folder / "card"))
    status, again = inside.confirms(page, passphrase=OFFICE)
    assert status == 422
    assert "line 3: there is a kiosk kiosk-2 already" in words(again)
    assert [kiosk.plan.id for kiosk in staff.state().kiosks] == ["kiosk-2"]


def test_the_wifi_is_asked_for_where_a_kiosk_is_to_use_one(staff, inside):
    _, page = inside.sends(file=GOOD.encode())
    assert "The Wi-Fi's name" not in words(page)
    _, page = inside.sends(file=GOOD.replace("cellular", "wifi").encode())
    assert "The Wi-Fi's name" in words(page)
    status, again = inside.confirms(page, passphrase=OFFICE)
    assert status == 422
    assert not staff.state().kiosks
    wifi = {"wifi": "Station", "passphrase_wifi": "river river river"}
    _, done = inside.confirms(again, passphrase=OFFICE, **wifi)
    with zipfile.ZipFile(io.BytesIO(inside.gets(re.search(r"/download/[\w-]+", done)[0]))) as fetched:
        brought = [name for name in fetched.namelist() if name.endswith(".nmconnection")]
    assert [name.partition("/")[0] for name in brought] == ["kiosk-2"]
