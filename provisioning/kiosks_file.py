"""A list of kiosks to be added at once: a CSV file with a line for each, as a spreadsheet saves it."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

from edge_agent.errors import LocalError
from provisioning.intentions import BOOLEANS, kiosk_plan, pins
from provisioning.languages import marked, phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from provisioning.fleet import Plan

NEEDED: Final = ("id", "place", "area", "latitude", "longitude", "time-zone", "languages")
USUAL: Final = {
    "site": "",
    "accuracy": "50",
    "hardware": "raspberry-pi",
    "network": "ethernet",
    "screen": "no",
    "voice": "yes",
    "pins": "",
}
_MOST_NAMED: Final = 20  # whoever has more slips than that has one in all of them


def plans(text: str, check: Callable[[Plan], None]) -> list[Plan]:
    """Read the kiosks. `check` raises LocalError for one that can't be added.

    Raises LocalError that names every line with a slip.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    read: dict[str, Plan] = {}
    slips: list[str] = []
    try:
        columns = _columns(next(reader, []))
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            try:
                plan = _plan(columns, cells, read)
                check(plan)
            except LocalError as fault:
                slips.append(phrase("line {number}: {slip}", number=reader.line_num, slip=fault.what))
            else:
                read[plan.id] = plan
    except csv.Error as fault:
        raise LocalError(
            phrase("line {number} is no line of a CSV file: {why}", number=reader.line_num, why=fault),
            next_step=_how(),
        ) from fault
    if slips:
        unnamed = len(slips) - _MOST_NAMED
        more = [phrase("and {count} more", count=unnamed)] if unnamed > 0 else []
        told = [phrase("no kiosk was added, for some lines can't be used:"), *slips[:_MOST_NAMED], *more]
        raise LocalError("\n  ".join(told), next_step=phrase("Correct them, and try again."))
    if not read:
        raise LocalError(phrase("the list names no kiosk"), next_step=_how())
    return list(read.values())


def _how() -> str:
    return phrase(
        "Its first line names the columns, parted by commas: {needed}; there may be {usual}.",
        needed=",".join(NEEDED),
        usual=",".join(USUAL),
    )


def _columns(names: Sequence[str]) -> list[str]:
    """Give the columns' names as we write them. Raises LocalError when one lacks, is none of ours, or comes twice."""
    columns = [name.strip().lower().replace("_", "-") for name in names]
    for wrong, why in (
        ([name for name in NEEDED if name not in columns], marked("the list lacks the column {names}")),
        (
            [name for name in columns if name not in {*NEEDED, *USUAL, ""}],
            marked("the list has an unknown column {names}"),
        ),
        (
            [name for name in {*columns} - {""} if columns.count(name) > 1],
            marked("the list has twice the column {names}"),
        ),
    ):
        if wrong:
            raise LocalError(phrase(why, names=", ".join(wrong)), next_step=_how())
    return columns


def _plan(columns: Sequence[str], cells: Sequence[str], before: Container[str]) -> Plan:
    """Make the plan of one line; `before` has the ids of the lines before it. Raises LocalError."""
    if len(cells) > len(columns):
        raise LocalError(phrase("it has more cells than there are columns; put what has a comma in it between quotes"))
    given = {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if cell.strip()}
    if missing := [name for name in NEEDED if name not in given]:
        raise LocalError(phrase("it lacks {names}", names=", ".join(missing)))
    if given["id"] in before:
        raise LocalError(phrase("a line before it has the id {kiosk}", kiosk=given["id"]))
    words = USUAL | given
    return kiosk_plan(
        {
            "id": words["id"],
            "site": {
                "id": words["site"] or words["id"],
                "name": words["place"],
                "latitude": words["latitude"],
                "longitude": words["longitude"],
                "accuracy_m": words["accuracy"],
                "area": words["area"],
            },
            "languages": words["languages"].replace(",", " ").split(),
            "time_zone": words["time-zone"],
            "hardware": words["hardware"],
            "network": words["network"],
            **{part: BOOLEANS.get(words[part].lower(), words[part]) for part in ("screen", "voice")},
            "pins": pins(words["pins"].replace(",", " ").split()),
        }
    )
