"""What a kiosk is wired like, said on the page that adds it, and read again on its own."""

from __future__ import annotations

from edge_agent import config
from edge_agent.pins import Pins
from tests.support.browser import assert_all_can_use, picture
from tests.support.hands import Mouse
from tests.unit.provisioning.world import OFFICE


def test_button_and_lights_are_put_on_other_lines_and_a_slip_stays_in_sight(staff, console, inside):
    inside.goto(f"{console.origin}/add")
    hands = Mouse(inside)
    assert not inside.get_by_label("The button", exact=True).is_visible()
    summary = inside.get_by_text("Button and lights are wired to other lines than usual")
    summary.focus()
    inside.keyboard.press("Enter")
    assert_all_can_use(inside)
    for label, text in {
        "The kiosk's name": "kiosk-1",
        "Place": "Hall",
        "Area": "Urumqi",
        "Latitude": "43.8",
        "Longitude": "87.6",
        "Time zone": "Asia/Urumqi",
        "The button": "17",
        "The camera's light": "17",
    }.items():
        hands.type(label, text)
    hands.choose("Into a new folder on this computer")
    hands.type("That folder", str(staff.folder / "card"))
    hands.type("The office's passphrase", OFFICE)
    hands.press("button", "Add the kiosk")
    inside.get_by_text("GPIO 17 is the line of button and camera_light").wait_for()
    assert inside.get_by_label("The button", exact=True).is_visible()
    assert_all_can_use(inside)
    picture(inside, "console/parts")
    hands.type("The camera's light", "22")
    hands.type("The office's passphrase", OFFICE)
    hands.press("button", "Add the kiosk")
    inside.get_by_role("heading", name="Kiosk kiosk-1 is added").wait_for()
    assert config.load(staff.folder / "card" / "kiosk.toml").hardware.pins == Pins(button=17, camera_light=22)
    inside.goto(f"{console.origin}/kiosks/kiosk-1")
    assert "The button: GPIO 17, the camera's light: GPIO 22" in inside.inner_text("main")
