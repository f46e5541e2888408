"""What goes wrong at the console: each gets a clear page, nothing is half done, nothing is lost."""

from __future__ import annotations

import resource
import signal

import pytest

from provisioning.fleet_directory import FleetDirectory
from provisioning.terminal import system_clock
from tests.support.browser import assert_all_can_use
from tests.support.console import RunningConsole
from tests.support.hands import Mouse
from tests.unit.provisioning.world import OFFICE


def fill_in(hands, name="new-1", passphrase=OFFICE):
    hands.page.get_by_role("heading", name="Add a kiosk").wait_for()
    for label, text in {
        "The kiosk's name": name,
        "Place": "East hall",
        "Area": "Urumqi",
        "Latitude": "43.8",
        "Longitude": "87.6",
        "Time zone": "Asia/Urumqi",
        "The office's passphrase": passphrase,
    }.items():
        hands.type(label, text)


def refusal(hands):
    said = hands.page.locator("main [role=alert]").inner_text()
    assert_all_can_use(hands.page)
    return said


@pytest.fixture
def adding(console, inside):
    inside.goto(f"{console.origin}/add")
    return Mouse(inside)


def test_a_wrong_passphrase_is_said_and_all_else_that_was_typed_is_still_there(staff, adding):
    before = staff.state()
    fill_in(adding, passphrase="not at all the right one")
    adding.press("button", "Add the kiosk")
    assert "does not open the office keys" in refusal(adding)
    assert adding.page.input_value("#place") == "East hall"
    assert adding.page.input_value("#passphrase") == ""
    assert staff.state() == before
    adding.type("The office's passphrase", OFFICE)
    adding.press("button", "Add the kiosk")
    adding.page.get_by_role("heading", name="Kiosk new-1 is added").wait_for()


@pytest.mark.parametrize(
    ("label", "text", "expected"),
    [
        ("The kiosk's name", "Über", "such as urumqi-station-1"),
        ("Latitude", "north", "is no number"),
        ("Latitude", "120", "between -90 and 90"),
        ("Time zone", "Mars/Olympus", "is no time zone"),
        ("Languages", "?", "codes, such as ug, zh, en"),
        ("Languages", ",", "codes, such as ug, zh, en"),
    ],
)
def test_what_can_not_be_is_said_with_its_field(staff, adding, label, text, expected):
    before = staff.state()
    fill_in(adding)
    adding.type(label, text)
    adding.press("button", "Add the kiosk")
    assert expected in refusal(adding)
    assert staff.state() == before


def test_while_somebody_works_at_the_command_line_the_console_waits(staff, adding):
    fill_in(adding)
    with FleetDirectory(staff.fleet).act("Bakhyt", system_clock()):
        adding.press("button", "Add the kiosk")
        said = refusal(adding)
    assert "Somebody else is working on this fleet: Bakhyt" in said
    adding.type("The office's passphrase", OFFICE)
    adding.press("button", "Add the kiosk")
    adding.page.get_by_role("heading", name="Kiosk new-1 is added").wait_for()


@pytest.mark.parametrize(
    "damage", [lambda content: content[:500], lambda content: content.replace(b"coast", b"coaST", 1)]
)
def test_a_damaged_fleet_is_said_and_left_as_it_is(staff, console, inside, damage):
    path = staff.fleet / "fleet.json"
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    inside.goto(f"{console.origin}/")
    assert "is damaged" in inside.inner_text("main")
    assert "Put the folder back from your last copy" in inside.inner_text("main")
    assert_all_can_use(inside)
    assert path.read_bytes() == before


def test_a_log_that_was_cut_off_is_said(kiosks, page):
    path = kiosks.fleet / "audit.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    with RunningConsole(kiosks.fleet) as console:
        console.enter(page)
        page.goto(f"{console.origin}/log")
        assert "its end was cut off" in page.inner_text("main")
        assert_all_can_use(page)


def test_a_disk_that_takes_no_more_is_said_and_no_kiosk_is_added(staff, page):
    before = staff.state()
    with RunningConsole(staff.fleet) as console:
        hands = Mouse(console.enter(page))
        page.goto(f"{console.origin}/add")
        fill_in(hands)
        hands.choose("Into a new folder on this computer")
        (staff.folder / "full").mkdir()
        hands.type("That folder", str(staff.folder / "full" / "homeward"))
        resource.prlimit(console.process.pid, resource.RLIMIT_FSIZE, (200, 200))  # no file grows past this any more
        hands.press("button", "Add the kiosk")
        assert "can't be written" in refusal(hands)
        assert not (staff.folder / "full" / "homeward").exists()
    assert staff.state() == before


def test_a_kiosk_is_added_with_the_parts_that_were_chosen_and_a_slip_loses_none(staff, adding):
    fill_in(adding, passphrase="not at all the right one")
    adding.choose("It has a screen, and does not speak")
    adding.press("button", "Add the kiosk")
    assert "does not open the office keys" in refusal(adding)
    adding.type("The office's passphrase", OFFICE)
    adding.press("button", "Add the kiosk")
    adding.press("link", "To new-1")
    adding.page.get_by_text("It has a screen, and does not speak").wait_for()
    (plan,) = [kiosk.plan for kiosk in staff.state().kiosks if kiosk.plan.id == "new-1"]
    assert (plan.screen, plan.voice) == (True, False)


def test_a_folder_that_is_taken_is_never_written_over(staff, adding):
    taken = staff.folder / "taken"
    taken.mkdir()
    (taken / "photograph.jpg").write_bytes(b"somebody's")
    fill_in(adding)
    adding.choose("Into a new folder on this computer")
    adding.type("That folder", str(taken))
    adding.press("button", "Add the kiosk")
    assert "is there already" in refusal(adding)
    assert [path.name for path in taken.iterdir()] == ["photograph.jpg"]


def test_a_kiosks_name_must_be_typed_to_take_it_out_of_service(kiosks, page):
    with RunningConsole(kiosks.fleet) as console:
        hands = Mouse(console.enter(page))
        page.goto(f"{console.origin}/kiosks/working-1/revoke")
        hands.type("Type the kiosk's name to go on", "waiting-1")
        hands.type("The office's passphrase", OFFICE)
        hands.press("button", "Take it out of service")
        assert "'waiting-1' is not working-1" in refusal(hands)
    assert kiosks.state().kiosk("working-1").revoked_at is None


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_stopped_in_the_middle_of_an_act_it_happened_whole_or_not_at_all(kiosks, page, stop):
    with RunningConsole(kiosks.fleet) as console:
        hands = Mouse(console.enter(page))
        page.goto(f"{console.origin}/kiosks/working-1/revoke")
        hands.type("Type the kiosk's name to go on", "working-1")
        hands.type("The office's passphrase", OFFICE)
        page.evaluate("document.querySelector('main form').requestSubmit()")  # and doesn't wait for what comes
        console.send_signal(stop)
        console.rest()
    state = kiosks.state()  # reads and verifies
    acts = [entry.act for entry in FleetDirectory(kiosks.fleet).log(state).entries]
    assert (acts[-1] == "revoke" and acts.count("revoke") == 2) is (state.kiosk("working-1").revoked_at is not None)
    kiosks.ok("list")
    kiosks.ok(*kiosks.add("after-1", kiosks.folder / "after"))  # nothing stands in the way of the next act


def test_after_ctrl_c_an_act_under_way_was_done_to_its_end(kiosks, page):
    with RunningConsole(kiosks.fleet) as console:
        hands = Mouse(console.enter(page))
        page.goto(f"{console.origin}/kiosks/working-1/revoke")
        hands.type("Type the kiosk's name to go on", "working-1")
        hands.type("The office's passphrase", OFFICE)
        with page.expect_request(lambda request: request.method == "POST"):
            page.evaluate("document.querySelector('main form').requestSubmit()")
        console.interrupt()
        assert "The console is closed." in console.rest()


def test_a_page_from_before_a_restart_can_do_nothing(staff, page, browser):
    with RunningConsole(staff.fleet) as before:
        before.enter(page)
        cookies = page.context.cookies()
    with RunningConsole(staff.fleet) as after:
        host = after.origin.removeprefix("http://").partition(":")[0]
        page.context.add_cookies([{**cookie, "domain": host} for cookie in cookies])
        assert page.goto(f"{after.origin}/").status == 403


def test_a_file_is_handed_out_once(staff, console, inside):
    hands = Mouse(inside)
    inside.goto(f"{console.origin}/add")
    fill_in(hands)
    hands.press("button", "Add the kiosk")
    link = inside.get_by_role("link", name="Fetch the card's files (new-1-card.zip)")
    address = link.get_attribute("href")
    with inside.expect_download():
        link.click()
    inside.goto(f"{console.origin}{address}")
    assert "was fetched already" in inside.inner_text("main")
