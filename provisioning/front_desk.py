"""The office at work: hears who asks to enrol, shows whom a person must look at, answers the rest by itself.

A screen calls `tend` again and again from one thread, and shows `pending` and `refused`.
"""

from __future__ import annotations

import collections
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_agent.errors import MalformedError, WireError
from edge_agent.wire import roll
from edge_agent.wire.topics import Desk, Door, desk, door, parse_door
from provisioning import letters
from provisioning.acts import enrolment
from provisioning.decisions.enrolment import RefusedError
from provisioning.decisions.permission import check_certifies, check_signs
from provisioning.fleet import FleetError
from provisioning.fleet_view import View, floor, lags, read, with_told
from provisioning.office_link import Letter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge_agent.wire.roll import Roll
    from provisioning.decisions.enrolment import Applicant
    from provisioning.office import Keys, Office
    from provisioning.office_link import OfficeLink

_REFUSED_KEPT: Final = 100


@dataclass(frozen=True, slots=True)
class Turned:
    """A request that was refused without anybody's doing: when, whose, and why."""

    at: int
    name: str
    fault: RefusedError


class FrontDesk:
    """One office's desk. `office` gives the office with the time as it is now."""

    def __init__(self, office: Callable[[], Office], keys: Keys, link: OfficeLink) -> None:
        self._office = office
        self._keys = keys
        self._link = link
        self._fleet = office().state().fleet
        self._pending: dict[bytes, Applicant] = {}
        self._gathering: dict[int, dict[int, Roll]] = {}
        self.view = office().rolls.read()
        self.refused: collections.deque[Turned] = collections.deque(maxlen=_REFUSED_KEPT)
        self.renewed: list[str] = []

    @property
    def pending(self) -> list[Applicant]:
        """Who waits for a person, in the order in which they came. A kiosk that is there twice is a warning."""
        return list(self._pending.values())

    def tend(self, seconds: float) -> None:
        """Listen for at most so long, and do what needs nobody. Raises LocalError."""
        state = self._office().state()
        check_signs(state, self._keys.orders)
        check_certifies(state, self._keys.authority)
        for heard in self._link.wait(seconds):
            if heard.topic == desk(self._fleet, Desk.ROLL):
                self._gather(heard.payload)
                continue
            try:
                name = parse_door(heard.topic, self._fleet)
            except MalformedError:
                continue
            self._hear(name, heard.payload)

    def ask(self) -> bool:
        """Ask the intakes how the kiosks fare; `view` is new once they answered. Say whether one listens."""
        return self._link.send([Letter(desk(self._fleet, Desk.ASK), b"")])[0]

    def tell_intakes(self) -> bool:
        """Send the bundle and the registry in force to the intakes; say whether one listens."""
        office = self._office()
        return all(self._link.send(letters.trust(office.state())))

    def send(self, letters: Sequence[Letter]) -> list[bool]:
        """Send orders; say of each whether its kiosk hears. One that does not gets them when it is heard again."""
        return self._link.send(letters)

    def approve(self, applicants: Sequence[Applicant]) -> list[bool]:
        """Enrol those whose six words were compared, in one act; say of each whether the answer reached its kiosk.

        Where it did not, the kiosk asks again and is answered. Raises FleetError; then none is enrolled.
        """
        replies = enrolment.approve(self._office(), applicants, self._keys)
        self.tell_intakes()
        for applicant in applicants:
            self._pending.pop(applicant.sha256, None)
        return self._answer([applicant.name for applicant in applicants], replies)

    def refuse(self, applicant: Applicant) -> None:
        """Refuse one whose words are others, and tell it so."""
        self._pending.pop(applicant.sha256, None)
        reply = enrolment.refuse(self._office(), applicant, self._keys)
        self._answer([applicant.name], [reply])

    def _hear(self, name: str, raw: bytes) -> None:
        office = self._office()
        try:
            applicant = enrolment.consider(office, name, raw, self._keys)
        except RefusedError as fault:
            if all(raw != known.raw for known in self._pending.values()):
                self._turn_away(office, name, raw, fault)
            return
        if applicant.renewal or applicant.again:
            try:
                replies = enrolment.approve(office, [applicant], self._keys)
            except FleetError:  # somebody else is working on the fleet now: it asks again
                return
            self.tell_intakes()
            self._answer([name], replies)
            self.renewed.append(applicant.kiosk)
        else:
            self._pending.setdefault(applicant.sha256, applicant)

    def _turn_away(self, office: Office, name: str, raw: bytes, fault: RefusedError) -> None:
        if not any((turned.name, turned.fault.what) == (name, fault.what) for turned in self.refused):
            self.refused.append(Turned(office.now, name, fault))
        self._answer([name], [enrolment.turn_away(office, name, raw, fault.reason, self._keys)])

    def _gather(self, payload: bytes) -> None:
        """Take a part of the roll; when all are there, keep the view, and send orders to whoever runs older ones."""
        office = self._office()
        state = office.state()
        try:
            part = roll.trust(payload, state.trusted, at_least=floor(self.view, office.now))
        except WireError:
            return
        parts = self._gathering.setdefault(part.at, {})
        parts[part.part] = part
        if len(parts) < part.parts:
            return
        self._gathering.clear()
        entries = [entry for number in sorted(parts) for entry in parts[number].kiosks]
        told = with_told(self.view, part)
        self.view = View(at=part.at, seen=read(entries, state), signed_by=roll.signed_by(payload), intakes=told)
        office.rolls.write(self.view)
        seen = {one.kiosk: one for one in self.view.seen}
        late = [k.plan.id for k in state.kiosks if k.plan.id in seen and lags(k, seen[k.plan.id])]
        if late:
            self._link.send(letters.orders(state, late, self._keys))

    def _answer(self, names: Sequence[str], replies: Sequence[bytes]) -> list[bool]:
        letters = [
            Letter(door(self._fleet, name, Door.REPLY), reply) for name, reply in zip(names, replies, strict=True)
        ]
        return self._link.send(letters)
