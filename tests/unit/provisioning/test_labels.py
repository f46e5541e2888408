"""A label's code names a kiosk's page on staff's own computer, and the console is there to be found."""

import socket

import pytest

from provisioning import labels
from provisioning.console.server import _listening


def test_what_a_label_says_is_read_back_as_the_kiosk_however_a_scanner_types_it():
    said = labels.address("station-1")
    assert labels.kiosk_scanned(said) == labels.kiosk_scanned(said.upper()) == "station-1"
    assert labels.kiosk_of(labels.page("station-1")) == "station-1"


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/kiosks/", "/kiosks/a/revoke", "/kiosks/a_b", "/kiosks/a\n", "/kiosks/../log"),
        *(
            "/kiosks/" + "a" * 33,
            "//evil.example/kiosks/a",
            "http://evil.example/kiosks/a",
            "/kiosks/a?next=//evil.example",
        ),
    ],
)
def test_no_other_path_is_a_kiosks_page(path):
    assert labels.kiosk_of(path) is None
    assert labels.kiosk_scanned(path) is None
    assert labels.kiosk_scanned(f"http://127.0.0.1:8018{path}") is None


@pytest.fixture
def usual(monkeypatch):
    """A usual port that nobody has, whatever runs on this computer."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port = asked.getsockname()[1]
    monkeypatch.setattr(labels, "PORT", port)
    return port


def test_the_console_is_where_labels_lead_and_a_second_one_beside_it(usual):
    with _listening(None) as one, _listening(None) as other:
        assert one.getsockname() == ("127.0.0.1", usual)
        assert other.getsockname()[1] not in {usual, 0}


def test_a_port_that_was_asked_for_and_is_taken_is_said(staff):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = staff.fails("console", "--port", port)
    assert f"can't have port {port}: Address already in use" in said
    assert "leave --port out" in said


def test_a_console_that_was_just_closed_does_not_keep_the_next_one_out(usual):
    with _listening(None) as listening, socket.create_connection(("127.0.0.1", usual)) as browser:
        served, _ = listening.accept()
        served.close()  # the side that closes first lingers
        assert browser.recv(1) == b""
    with _listening(None) as again:
        assert again.getsockname()[1] == usual
