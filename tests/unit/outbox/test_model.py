"""Whatever the kiosk and the courier do in whatever order, the outbox agrees with a model that has no disk."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge_agent.errors import OutboxFullError
from edge_agent.outbox import Backlog, Limits, Link, Outbox, Settlement, State
from tests.unit.outbox.world import an_id, must_not_seal, sealed_with

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMITS = Limits(max_bytes=20_000, max_records=6, keep_free_bytes=0)
RENEW_AFTER = 30_000  # bytes; few enough for several new files in one run
KIOSK, COURIER = 0, 1
numbers = st.integers(0, 15)
some_numbers = st.sets(numbers, max_size=4)


class TwoAtOnce(RuleBasedStateMachine):
    """A kiosk and a courier on one file; the model is three dictionaries and the end of the chain."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.handles = [self.opened(), self.opened()]
        self.epoch = self.handles[KIOSK].highest()[0]
        self.waiting: dict[int, bytes] = {}
        self.receipted: dict[int, bytes] = {}
        self.taken_back: dict[int, bytes] = {}
        self.sent: set[int] = set()
        self.last = bytes(32)

    def opened(self) -> Outbox:
        return Outbox.open(self.folder / "outbox.db", LIMITS, patience=1, renew_after=RENEW_AFTER)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            for handle in self.handles:
                handle.close()
            shutil.rmtree(self.folder)

    @property
    def taken(self) -> int:
        return len(self.known)

    @property
    def known(self) -> dict[int, bytes]:
        return self.waiting | self.receipted | self.taken_back

    @rule(number=numbers, size=st.integers(100, 8000))
    def append(self, number: int, size: int) -> None:
        kiosk = self.handles[KIOSK]
        if number in self.known:
            assert kiosk.append(an_id(number), must_not_seal).record_id == an_id(number)
            return
        sealed: list[bytes] = []

        def seal(link: Link) -> bytes:
            assert link == Link(self.epoch, self.taken + 1, self.last)
            sealed.append(sealed_with(link, number, size))
            return sealed[0]

        fits = len(self.waiting) < 6 and sum(map(len, self.waiting.values())) + size <= 20_000
        try:
            entry = kiosk.append(an_id(number), seal)
        except OutboxFullError:
            assert not fits
        else:
            assert fits
            assert (entry.seq, entry.size) == (self.taken + 1, size)
            self.waiting[number] = sealed[0]
            self.last = entry.sha256

    @rule(number=numbers)
    def fail_to_seal(self, number: int) -> None:
        if number in self.known:
            return

        def seal(_: Link) -> bytes:
            raise KeyError(number)

        try:
            self.handles[KIOSK].append(an_id(number), seal)
        except KeyError:
            pass
        else:
            raise AssertionError

    @rule(chosen=some_numbers)
    def mark_sent(self, chosen: set[int]) -> None:
        handed_over = chosen & self.waiting.keys()
        self.handles[COURIER].mark_sent(map(an_id, handed_over))
        self.sent |= handed_over

    @rule(right=some_numbers, wrong=some_numbers)
    def mark_receipted(self, right: set[int], wrong: set[int]) -> None:
        known = self.known
        receipts = {an_id(n): hashlib.sha256(known.get(n, b"")).digest() for n in right}
        receipts |= {an_id(n): hashlib.sha256(b"other").digest() for n in wrong}
        expected = {
            an_id(n): Settlement.UNKNOWN
            if n not in known
            else Settlement.OTHER_BYTES
            if n in wrong
            else Settlement.SETTLED
            if n in self.waiting
            else Settlement.TAKEN_BACK
            if n in self.taken_back
            else Settlement.ALREADY
            for n in right | wrong
        }
        assert self.handles[COURIER].mark_receipted(receipts) == expected
        for n in right - wrong:
            if n in self.waiting:
                self.receipted[n] = self.waiting.pop(n)
        self.sent &= self.waiting.keys()

    @rule(number=numbers)
    def take_back(self, number: int) -> None:
        assert self.handles[KIOSK].take_back(an_id(number)) == (number in self.known)
        for there in (self.waiting, self.receipted):
            if number in there:
                self.taken_back[number] = there.pop(number)
        if number in self.taken_back:
            assert self.taken_back[number][-50:] not in (self.folder / "outbox.db").read_bytes()
        self.sent.discard(number)

    @rule(chosen=some_numbers)
    def withdraw(self, chosen: set[int]) -> None:
        self.handles[COURIER].withdrawn(map(an_id, chosen))
        for number in chosen & self.taken_back.keys():
            self.receipted[number] = self.taken_back.pop(number)

    @rule()
    def tidy(self) -> None:
        self.handles[COURIER].tidy()

    @rule(which=st.sampled_from([KIOSK, COURIER]))
    def reopen(self, which: int) -> None:
        self.handles[which].close()
        self.handles[which] = self.opened()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.waiting)))
        for handle in self.handles:
            assert handle.read(an_id(number)) == self.waiting[number]

    @rule(limit=st.integers(0, 8))
    def list_some(self, limit: int) -> None:
        ids = [entry.record_id for entry in self.handles[KIOSK].waiting(limit)]
        assert ids == [an_id(number) for number in list(self.waiting)[:limit]]

    @invariant()
    def both_see_the_same(self) -> None:
        size = sum(map(len, self.waiting.values()))
        for handle in self.handles:
            assert handle.backlog() == Backlog(len(self.waiting), size)
            assert handle.highest() == (self.epoch, self.taken)
            assert [entry.record_id for entry in handle.waiting(100)] == self.ids(self.waiting)
            assert [entry.record_id for entry in handle.taken_back()] == self.ids(self.taken_back)
            assert handle.salvages() == ()
        states = {entry.record_id: entry.state for entry in self.handles[COURIER].waiting(100)}
        assert {key for key, state in states.items() if state is State.SENT} == set(self.ids(self.sent))

    @staticmethod
    def ids(chosen: Iterable[int]) -> list[bytes]:
        return [an_id(number) for number in chosen]


TestTwoAtOnce = TwoAtOnce.TestCase
TestTwoAtOnce.settings = settings(deadline=None, max_examples=40, stateful_step_count=30)
