"""The fleet as its page shows it, kept between two requests: a person who searches asks once for each letter."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from provisioning.fleet_view import rows
from provisioning.languages import spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioning.fleet import Condition, State
    from provisioning.fleet_view import Row, View
    from provisioning.office import Office

KEPT_S: Final = 15  # as often as the page asks by itself


@dataclass(frozen=True, slots=True)
class Overview:
    """All kiosks, those first that need a person, with what the search looks at and how many are how."""

    state: State
    view: View | None
    quarter: int
    rows: list[Row]
    letters: list[str]  # of each row: its id, place and area, folded
    tally: Mapping[Condition, int]
    needing: int
    language: str  # in which the needs are said

    def holds(self, office: Office, state: State, view: View | None) -> bool:
        """Say whether it is still what a look now would show."""
        same = self.state is state and self.view is view and self.quarter == office.now // KEPT_S
        return same and self.language == spoken().code


class Lookout:
    """Gives the overview; makes it anew when the fleet, the roll, the language or the quarter-minute is another."""

    def __init__(self) -> None:
        self._kept: Overview | None = None

    def look(self, office: Office) -> Overview:
        """Give the fleet as it stands. Raises as `Office.state` does."""
        state, view, kept = office.state(), office.rolls.read(), self._kept
        if kept is None or not kept.holds(office, state, view):
            found = rows(state, view, office.now)
            kept = self._kept = Overview(
                state,
                view,
                office.now // KEPT_S,
                found,
                [_letters(row) for row in found],
                Counter(row.condition for row in found),
                sum(bool(row.needs) for row in found),
                spoken().code,
            )
        return kept


def _letters(row: Row) -> str:
    plan = row.kiosk.plan
    return f"{plan.id}\n{plan.site.name}\n{plan.site.area}".casefold()
