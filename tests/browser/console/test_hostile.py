"""A hostile page in the same browser, and a curious program on the same computer: neither sees or does anything."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.unit.provisioning.world import OFFICE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

KIOSK = "working-1"
ACTS = {
    f"/kiosks/{KIOSK}/revoke": {"name": KIOSK, "passphrase": OFFICE},
    "/rotation/ca": {"step": "1", "passphrase": OFFICE},
}


@contextlib.contextmanager
def hostile_site() -> Iterator[int]:
    """A web server on another port of loopback, with an empty page that tests fill; give its port."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>A page</title><p>Win a prize")
            seen.append(self.headers.get("Cookie", ""))

        def log_message(self, *_: object) -> None:
            pass

    seen: list[str] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.seen = seen
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def hostile() -> Iterator[http.server.ThreadingHTTPServer]:
    with hostile_site() as server:
        yield server


@pytest.fixture
def staff(kiosks):
    return kiosks


@pytest.fixture
def elsewhere(inside, hostile) -> Page:
    """A hostile page of another site, in the browser that was let in."""
    window = inside.context.new_page()
    window.goto(f"http://evil.localhost:{hostile.server_port}/")
    return window


def asked(console, method="GET", path="/", **headers):
    """Ask the console as a program would that can write any header; give status and page."""
    address = urlsplit(console.origin)
    given = {"Host": address.netloc, "Sec-Fetch-Site": "none", **{n.replace("_", "-"): v for n, v in headers.items()}}
    body = given.pop("body", None)
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", address.port)) as connection:
        connection.request(method, path, body=body, headers=given)
        answer = connection.getresponse()
        content = answer.read()
    return answer.status, content, dict(answer.getheaders())


def post_from(window, address, fields):
    """Let a page post a form as a navigation, as a hostile one would without being asked."""
    window.evaluate(
        """([address, fields]) => {
            const form = document.createElement('form')
            form.method = 'post'
            form.action = address
            for (const [name, value] of Object.entries(fields)) {
                const input = document.createElement('input')
                input.name = name
                input.value = value
                form.append(input)
            }
            document.body.append(form)
            form.submit()
        }""",
        [address, fields],
    )
    window.wait_for_url(address)


@pytest.mark.parametrize("act", ACTS)
def test_a_form_on_another_site_can_not_act_even_with_the_right_passphrase(staff, console, elsewhere, act):
    before = staff.state()
    post_from(elsewhere, console.origin + act, ACTS[act])
    assert "another page tried to act here" in elsewhere.inner_text("h1").lower()
    assert staff.state() == before


@pytest.mark.parametrize("act", ACTS)
def test_the_same_form_on_the_consoles_own_page_would_have_acted(staff, console, inside, act):
    before = staff.state()
    inside.goto(console.origin + act)
    token = inside.locator("main input[name=form-token]").get_attribute("value")
    with contextlib.suppress(Exception):  # it goes on to the page that says what was done
        post_from(inside, console.origin + act, {**ACTS[act], "form-token": token})
    inside.wait_for_url("**/done/*")
    after = staff.state()
    if act == "/rotation/ca":
        assert len(after.authorities) == len(before.authorities) + 1
    else:
        assert after.kiosk(KIOSK).revoked_at is not None


@pytest.mark.parametrize("act", ACTS)
def test_a_form_of_our_own_origin_without_our_token_can_not_act(staff, console, inside, act):
    before = staff.state()
    post_from(inside, console.origin + act, ACTS[act])
    assert "not one of the console's" in inside.inner_text("h1")
    assert staff.state() == before


@pytest.mark.parametrize("mode", ["cors", "no-cors"])
def test_a_script_on_another_site_reads_nothing_and_does_nothing(staff, console, elsewhere, mode):
    before = staff.state()
    for method in ("GET", "POST"):
        got = elsewhere.evaluate(
            """async ([address, method, mode]) => {
                try {
                    const answer = await fetch(address, {method, mode, credentials: 'include'})
                    return answer.type + ':' + await answer.text()
                } catch (fault) { return 'nothing' }
            }""",
            [f"{console.origin}/kiosks/{KIOSK}/revoke", method, mode],
        )
        assert got in {"nothing", "opaque:"}
    assert staff.state() == before


def test_a_page_of_another_port_is_another_site_and_is_not_given_the_cookie(console, inside, hostile):
    window = inside.context.new_page()
    host = urlsplit(console.origin).hostname
    for name in ("localhost", "127.0.0.1"):
        window.goto(f"http://{name}:{hostile.server_port}/")
    assert host not in {"localhost", "127.0.0.1"}
    assert hostile.seen
    assert not any("homeward" in cookies for cookies in hostile.seen)


def test_even_a_page_that_stole_the_name_but_not_the_port_can_not_act(staff, console, inside, hostile):
    before = staff.state()
    window = inside.context.new_page()
    window.goto(f"http://{urlsplit(console.origin).hostname}:{hostile.server_port}/")
    post_from(window, f"{console.origin}/kiosks/{KIOSK}/revoke", {"name": KIOSK, "passphrase": OFFICE})
    assert "another page tried to act here" in window.inner_text("h1").lower()
    assert staff.state() == before


def test_another_site_can_not_put_a_page_into_a_frame(console, elsewhere):
    shown = elsewhere.evaluate(
        """address => new Promise(done => {
            const frame = document.createElement('iframe')
            frame.onload = () => {
                try { done(frame.contentDocument === null ? 'another page' : frame.contentDocument.body.innerText) }
                catch (fault) { done('another page') }
            }
            frame.src = address
            document.body.append(frame)
        })""",
        f"{console.origin}/",
    )
    assert "Kiosks" not in shown
    frame = next(frame for frame in elsewhere.frames if frame.parent_frame)
    assert "Kiosks" not in frame.content()


def test_a_name_that_was_turned_onto_our_address_sees_nothing(console, page):
    """DNS rebinding: the browser believes that evil.example is at 127.0.0.1 (`browser` in the conftest above)."""
    port = urlsplit(console.origin).port
    assert page.goto(f"http://evil.example:{port}/").status == 421
    link = console.link.replace(console.origin, f"http://evil.example:{port}")
    assert page.goto(link).status == 421
    assert "Kiosks" not in page.content()
    assert console.enter(page).title().startswith("Kiosks")  # nor was the link used up by it


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "evil.example", ""])
def test_no_other_name_is_answered(console, host):
    port = urlsplit(console.origin).port
    for name in (host, f"{host}:{port}"):
        assert asked(console, Host=name)[0] == 421


def test_without_the_session_nothing_is_shown_and_nothing_done(console):
    assert asked(console)[0] == 403
    assert asked(console, Cookie="homeward-fleet=guess")[0] == 403
    posted = asked(console, "POST", "/leave", Origin=console.origin, Sec_Fetch_Site="same-origin", body="form-token=x")
    assert posted[0] == 403


def test_a_browser_that_does_not_say_who_asks_is_refused(console, inside):
    cookie = "; ".join(f"{each['name']}={each['value']}" for each in inside.context.cookies())
    assert asked(console, Cookie=cookie)[0] == 200
    assert asked(console, Cookie=cookie, Sec_Fetch_Site="same-site")[0] == 403
    assert asked(console, Cookie=cookie, Sec_Fetch_Site="cross-site")[0] == 403
    assert asked(console, "POST", "/leave", Cookie=cookie, Sec_Fetch_Site="same-origin")[0] == 403


def test_the_link_is_dead_once_it_was_used(console, inside, browser):
    again = browser.new_page()
    assert again.goto(console.link).status == 403
    assert "used already" in again.inner_text("h1")
    assert inside.goto(f"{console.origin}/").status == 200


def test_a_guessed_link_lets_nobody_in_and_leaves_the_true_one_alive(console, page):
    assert page.goto(f"{console.origin}/enter/guess").status == 403
    console.enter(page)
    assert page.title().startswith("Kiosks")


def test_looking_ahead_at_the_link_does_not_use_it_up(console, page):
    path = console.link.removeprefix(console.origin)
    assert asked(console, "HEAD", path)[0] == 403
    console.enter(page)


def test_scripts_can_not_read_the_cookie_and_other_sites_are_never_sent_it(inside):
    (cookie,) = inside.context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert inside.evaluate("document.cookie") == ""


def test_every_answer_forbids_frames_inline_scripts_and_keeping(console, inside):
    cookie = "; ".join(f"{each['name']}={each['value']}" for each in inside.context.cookies())
    for path in ("/", "/add", "/static/console.css", "/nothing", f"/kiosks/{KIOSK}/label"):
        _, _, headers = asked(console, path=path, Cookie=cookie)
        rules = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in rules
        assert "default-src 'none'" in rules
        assert "unsafe" not in rules
        assert headers["cache-control"] == "no-store"


def test_a_place_named_like_a_script_is_only_a_name(staff, console, inside):
    site = ["--place", "<script>alert(1)</script>", "--area", "<img src=x onerror=alert(1)>"]
    where = ["--latitude", "1", "--longitude", "2", "--time-zone", "UTC", "--languages", "en"]
    staff.ok("add", "odd-1", *site, *where, "--out", staff.folder / "odd", *staff.office)
    inside.on("dialog", lambda dialog: pytest.fail(dialog.message))
    inside.goto(f"{console.origin}/kiosks/odd-1")
    assert "<script>alert(1)</script>" in inside.inner_text("main")
    assert inside.locator("main script, main img").count() == 0


def test_neither_the_link_nor_a_passphrase_is_said_by_the_server(console, inside):
    inside.goto(f"{console.origin}/kiosks/{KIOSK}/revoke")
    inside.fill("#name", KIOSK)
    inside.fill("#passphrase", OFFICE)
    inside.get_by_role("button", name="Take it out of service").click()
    inside.wait_for_url("**/done/*")
    console.interrupt()
    said = console.rest()
    assert OFFICE not in said
    assert console.link not in said
    assert "The console is closed." in said
