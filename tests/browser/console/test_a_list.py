"""Many kiosks from a spreadsheet's list, by hand: corrected on the page, shown, confirmed, fetched as one file."""

from __future__ import annotations

import zipfile

import pytest

from tests.support.browser import assert_all_can_use
from tests.support.hands import Keyboard, Mouse
from tests.unit.provisioning.test_add_many import FIRST, HEAD, SECOND
from tests.unit.provisioning.world import OFFICE


@pytest.mark.parametrize("way", [Mouse, Keyboard], ids=["by mouse", "by keyboard alone"])
def test_a_list_with_a_slip_is_corrected_shown_and_added(staff, inside, way):
    hands = way(inside)
    listed = staff.folder / "kiosks.csv"
    listed.write_text("\ufeff" + HEAD + FIRST.replace("43.8", "143.8") + SECOND, encoding="utf-8")
    hands.press("link", "Add a kiosk")
    hands.press("link", "Add many from a list")
    hands.hand_over("The list's file", listed)
    hands.press("button", "Show what would be added")
    inside.get_by_text("line 2: the latitude must lie").wait_for()
    assert_all_can_use(inside)
    hands.type("Or its lines, pasted", HEAD + FIRST + SECOND)
    hands.press("button", "Show what would be added")
    inside.get_by_role("heading", name="Add these kiosks?").wait_for()
    assert_all_can_use(inside)
    assert not staff.state().kiosks
    hands.type("The office's passphrase", OFFICE)
    hands.press("button", "Add them all")
    inside.get_by_role("heading", name="Kiosks added: 2").wait_for()
    assert_all_can_use(inside)
    with inside.expect_download() as fetched:
        inside.get_by_role("link", name="Fetch the cards and labels (kiosks-cards.zip)").click()
    assert "kiosk-2/kiosk.toml" in zipfile.ZipFile(fetched.value.path()).namelist()
    assert [kiosk.plan.id for kiosk in staff.state().kiosks] == ["kiosk-1", "kiosk-2"]
