"""Who sees the page: one browser that was told the secret. Everybody else sees nothing at all."""

from __future__ import annotations

import contextlib
import http.client
import stat
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.support.waiting import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.support.stand import Stand

FRAMING = "<!doctype html><title>Another page</title><iframe src='{}' title='A frame'></iframe>"


def ask(stand: Stand, path: str, **headers: str) -> http.client.HTTPResponse:
    """Ask as some other program on this machine would."""
    url = urlsplit(stand.url)
    with contextlib.closing(http.client.HTTPConnection(url.hostname, url.port, timeout=10)) as connection:
        connection.putrequest("GET", path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        answer.body = answer.read(200)
        return answer


def secret_path(stand: Stand) -> str:
    return urlsplit(stand.url).path


@pytest.mark.red_line(7)
def test_a_wrong_secret_another_host_and_another_origin_see_nothing(stand):
    right, authority = secret_path(stand), urlsplit(stand.url).netloc
    assert ask(stand, right).status == 200
    wrong = right[:-2] + ("A" if right[-2] != "A" else "B") + "/"
    refused = [
        ask(stand, "/"),
        ask(stand, "/scenes"),
        ask(stand, wrong),
        ask(stand, wrong + "scenes"),
        ask(stand, right + "scenes", Host="kiosk.example"),
        ask(stand, right + "scenes", Host=authority.replace("127.0.0.1", "localhost")),
        ask(stand, right + "scenes", Origin="http://kiosk.example"),
        ask(stand, right + "scenes", Sec_Fetch_Site="cross-site"),
        ask(stand, right + "../../etc/passwd"),
        ask(stand, right + "picture/guessed/0"),
    ]
    assert {(answer.status, answer.body) for answer in refused} == {(404, b"")}


def test_nothing_but_get_is_answered(stand):
    url = urlsplit(stand.url)
    for method in ("POST", "HEAD", "OPTIONS", "PUT", "CONNECT"):
        with contextlib.closing(http.client.HTTPConnection(url.hostname, url.port, timeout=10)) as connection:
            connection.request(method, url.path, body=b"x" * 100)
            assert connection.getresponse().status == 404


def test_it_outlives_whatever_bytes_are_sent(stand, page):
    import socket

    url = urlsplit(stand.url)
    for noise in (b"\x00" * 100, b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 100_000, b"\x16\x03\x01\x02\x00", b""):
        with (
            contextlib.suppress(ConnectionError),
            socket.create_connection((url.hostname, url.port), timeout=10) as one,
        ):
            one.sendall(noise)
            one.shutdown(socket.SHUT_WR)
            while one.recv(4096):
                pass
    stand.arrive(page)


def test_the_address_is_for_its_owner_and_group_alone_and_stays_the_same_within_a_boot(stands, alone):
    stand = stands(alone)
    mode = stat.S_IMODE((stand.here / "url").stat().st_mode)
    assert mode == 0o640
    first = stand.url
    assert len(urlsplit(first).path) == len("/" + "x" * 43 + "/")
    stand.kiosk.stop()
    stand.start()
    assert urlsplit(stand.url).path == urlsplit(first).path


@pytest.mark.red_line(7)
def test_a_second_watcher_sees_nothing_and_does_not_disturb_the_first(stand: Stand, page: Page, browser: Browser):
    stand.arrive(page)
    stand.come_to(page, "framing")
    second = browser.new_context().new_page()
    second.goto(stand.url)
    assert ask(stand, secret_path(stand) + "scenes").status == 404
    stand.choose(page, "take", "review")
    assert second.get_attribute("html", "data-stage") == "lost"
    assert second.inner_text("body").strip() == ""
    assert second.evaluate("() => document.querySelector('canvas').width") == 1
    page.close()
    second.wait_for_function("() => document.documentElement.dataset.stage !== 'lost'")


def test_another_page_can_not_frame_it(stand: Stand, page: Page):
    page.route(
        "http://another.invalid/", lambda route: route.fulfill(body=FRAMING.format(stand.url), content_type="text/html")
    )
    page.goto("http://another.invalid/")
    (frame,) = page.frames[1:]
    until(lambda: frame.url, "the frame's end")
    assert frame.query_selector("main") is None


@pytest.mark.red_line(7)
def test_the_page_loads_nothing_from_elsewhere_and_keeps_nothing(stand: Stand, page: Page):
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    stand.arrive(page)
    stand.come_to(page, "done")
    assert said == []
    assert all(url.startswith(stand.url) for url in asked), asked
    assert page.context.cookies() == []
    assert page.evaluate("() => [localStorage.length, sessionStorage.length]") == [0, 0]
    answer = page.request.get(stand.url)
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_no_script_from_elsewhere_runs_in_the_page(stand: Stand, page: Page):
    stand.arrive(page)
    refused = page.evaluate(
        """() => new Promise((resolve) => {
            addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
            const script = document.createElement("img");
            script.src = "http://another.invalid/picture.png";
            document.body.append(script);
        })"""
    )
    assert refused == "img-src"
