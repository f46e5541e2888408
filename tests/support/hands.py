"""Two ways to use a page, by mouse and by keyboard alone, behind the same words; each sees only what a person finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

_MOST_STEPS = 150


class Hands(Protocol):
    """What a person does on a page."""

    page: Page

    def press(self, role: str, name: str) -> None:
        """Press a link or a button, by the name that is read aloud."""

    def type(self, label: str, text: str) -> None:
        """Type into a field, over what is there."""

    def choose(self, label: str) -> None:
        """Choose one of several options."""

    def tick(self, label: str) -> None:
        """Tick a box."""

    def hand_over(self, label: str, *files: Path) -> None:
        """Choose files."""


class Mouse:
    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, role: str, name: str) -> None:
        self.page.get_by_role(role, name=name, exact=True).click()

    def type(self, label: str, text: str) -> None:
        field = self.page.get_by_label(label, exact=True)
        field.click()
        field.fill(text)

    def choose(self, label: str) -> None:
        self.page.get_by_role("radio", name=label).click()

    def tick(self, label: str) -> None:
        self.page.get_by_label(label).click()

    def hand_over(self, label: str, *files: Path) -> None:
        self.page.get_by_label(label, exact=True).wait_for()
        self.page.wait_for_load_state()
        with self.page.expect_file_chooser() as opened:
            self.page.get_by_label(label, exact=True).click()
        opened.value.set_files(list(files))


class Keyboard:
    """Tab, letters, arrows, Enter. Fails where something can't be reached so, or where focus can't be seen."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.on("filechooser", lambda _: None)  # the browser asks us for files from now on, not only at the next key

    def press(self, role: str, name: str) -> None:
        self._reach(self.page.get_by_role(role, name=name, exact=True))
        self.page.keyboard.press("Enter")

    def type(self, label: str, text: str) -> None:
        self._reach(self.page.get_by_label(label, exact=True))
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def choose(self, label: str) -> None:
        wanted = self.page.get_by_role("radio", name=label)
        group = self.page.locator(f"input[name={wanted.get_attribute('name')}]")
        chosen = group.locator("xpath=self::*[@checked]")
        self._reach(chosen if chosen.count() else group.first)
        self.page.keyboard.press("Space")
        for _ in range(_MOST_STEPS):
            if wanted.is_checked():
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"the arrow keys never came to {label!r}")

    def tick(self, label: str) -> None:
        self._reach(self.page.get_by_label(label))
        self.page.keyboard.press("Space")

    def hand_over(self, label: str, *files: Path) -> None:
        self._reach(self.page.get_by_label(label, exact=True))
        with self.page.expect_file_chooser() as opened:
            self.page.keyboard.press("Space")
        opened.value.set_files(list(files))

    def _reach(self, wanted: Locator) -> None:
        wanted.wait_for()
        self.page.wait_for_load_state()
        for _ in range(_MOST_STEPS):
            self.page.keyboard.press("Tab")
            if wanted.evaluate("each => each === document.activeElement"):
                assert _outline(wanted) == "3px", f"{wanted}: its focus can't be seen"
                return
        raise AssertionError(f"Tab never came to {wanted}")


def _outline(focused: Locator) -> str:
    return focused.evaluate("each => getComputedStyle(each).outlineWidth")
