"""The courier's decisions: what to send when, and when to let go."""

from __future__ import annotations

import copy

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge_agent.delivery import Delivery, Pace

PACE = Pace(window=3, receipt_timeout_s=60.0, refused_again_s=3600.0)
NO_SUBSCRIBER, DENIED, QUOTA = 0x10, 0x87, 0x97


def ids(count: int) -> list[bytes]:
    return [number.to_bytes(16, "big") for number in range(1, count + 1)]


def connected(receive_maximum: int = 100) -> Delivery:
    delivery = Delivery(PACE, jitter=lambda: 0.5)  # 0.5 spreads by exactly 1
    delivery.connected(receive_maximum)
    return delivery


def test_nothing_is_sent_without_a_connection():
    assert Delivery(PACE, jitter=lambda: 0.5).due(ids(3), 0.0) == []


def test_the_oldest_records_go_first_up_to_the_window():
    assert connected().due(ids(5), 0.0) == ids(3)


def test_the_broker_may_ask_for_a_smaller_window():
    assert connected(receive_maximum=1).due(ids(5), 0.0) == ids(1)


def test_a_puback_frees_a_place_in_the_window_and_settles_nothing():
    delivery = connected()
    first = delivery.due(ids(3), 0.0)[0]
    delivery.acknowledged(first, 0, 1.0)
    assert delivery.due(ids(4), 1.0) == [ids(4)[3]]
    delivery.acknowledged(ids(4)[3], 0, 1.0)
    assert delivery.due(ids(4), 60.0) == []
    assert delivery.due(ids(4), 61.1) == [first]


def test_a_wide_window_is_filled_several_at_once():
    delivery = Delivery(Pace(window=20, receipt_timeout_s=60.0, refused_again_s=3600.0), jitter=lambda: 0.5)
    delivery.connected(100)
    sent = delivery.due(ids(30), 0.0)
    assert sent == ids(20)
    for record_id in sent[:4]:
        delivery.acknowledged(record_id, 0, 100.0)
    assert delivery.due(ids(30), 200.0) == []
    assert delivery.next_due(200.0) is None, "what is due again waits for a place, not for the clock"
    delivery.acknowledged(sent[4], 0, 100.0)
    assert delivery.due(ids(30), 100.0) == ids(30)[20:25]


def test_without_a_receipt_a_record_is_sent_again_ever_more_rarely():
    delivery = connected()
    one, now, waits = ids(1), 0.0, []
    for _ in range(9):
        assert delivery.due(one, now) == one
        delivery.acknowledged(one[0], 0, now)
        waits.append(delivery.next_due(now))
        now += waits[-1]
    assert waits[:3] == [60.0, 120.0, 240.0]
    assert waits[-1] == 3600.0


def test_the_jitter_spreads_a_wait_over_three_to_five_quarters():
    waits = []
    for jitter in (0.0, 0.999999):
        delivery = Delivery(PACE, jitter=lambda jitter=jitter: jitter)
        delivery.connected(10)
        delivery.due(ids(1), 0.0)
        delivery.acknowledged(ids(1)[0], 0, 0.0)
        waits.append(delivery.next_due(0.0))
    assert waits[0] == 45.0
    assert 74.9 < waits[1] < 75.0


def test_a_settled_record_is_forgotten():
    delivery = connected()
    delivery.due(ids(1), 0.0)
    delivery.settled(ids(1)[0])
    assert delivery.next_due(0.0) is None


def test_a_lost_connection_makes_what_was_on_the_wire_due_again():
    delivery = connected()
    delivery.due(ids(3), 0.0)
    delivery.disconnected()
    assert delivery.due(ids(3), 1.0) == []
    delivery.connected(100)
    assert delivery.due(ids(3), 1.0) == ids(3)


def test_a_puback_that_says_no_keeps_the_record_and_slows_everything_down():
    for reason in (NO_SUBSCRIBER, DENIED, QUOTA):
        delivery = connected()
        delivery.due(ids(1), 0.0)
        delivery.acknowledged(ids(1)[0], reason, 0.0)
        assert delivery.problem == reason
        assert delivery.due(ids(3), 0.5) == []
        assert delivery.due(ids(3), 1.1)[0] == ids(1)[0]


def test_the_slowing_doubles_to_a_limit_and_ends_with_the_first_success():
    delivery = connected()
    now, waits = 0.0, []
    for _ in range(12):
        assert delivery.due(ids(1), now) == ids(1)
        delivery.acknowledged(ids(1)[0], DENIED, now)
        waits.append(delivery.next_due(now))
        now += waits[-1]
    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == 300.0
    delivery.due(ids(1), now)
    delivery.acknowledged(ids(1)[0], 0, now)
    assert delivery.problem == 0
    assert delivery.due(ids(2), now) == [ids(2)[1]]


def test_a_quarantined_record_is_kept_counted_and_tried_again_rarely():
    delivery = connected()
    delivery.due(ids(1), 0.0)
    delivery.acknowledged(ids(1)[0], 0, 0.0)
    delivery.quarantined(ids(1)[0], 1.0)
    assert delivery.refused == 1
    assert delivery.due(ids(1), 3600.0) == []
    assert delivery.due(ids(1), 3602.0) == ids(1)
    delivery.acknowledged(ids(1)[0], 0, 3602.0)
    assert delivery.next_due(3602.0) == 3600.0
    delivery.settled(ids(1)[0])
    assert delivery.refused == 0


def test_records_in_quarantine_do_not_crowd_out_the_others():
    delivery = connected()
    refused = ids(500)
    while chosen := delivery.due(refused, 0.0):
        for record_id in chosen:
            delivery.acknowledged(record_id, 0, 0.0)
            delivery.quarantined(record_id, 0.0)
    assert delivery.refused == 500
    assert delivery.due(ids(503), 1.0) == ids(503)[500:]


def test_nothing_is_awaited_from_the_clock_while_the_window_is_full():
    delivery = connected()
    delivery.due(ids(1), 0.0)
    delivery.acknowledged(ids(1)[0], 0, 0.0)
    delivery.due(ids(4)[1:], 61.0)
    assert delivery.next_due(61.0) is None


def test_an_acknowledgement_for_something_unknown_changes_nothing():
    delivery = connected()
    delivery.acknowledged(ids(1)[0], DENIED, 0.0)
    assert delivery.problem == 0
    assert delivery.due(ids(1), 0.0) == ids(1)


def test_a_silent_intake_is_not_flooded():
    delivery = connected()
    waiting, now = ids(600), 0.0
    sent: set[bytes] = set()
    while chosen := delivery.due(waiting, now):
        for record_id in chosen:
            assert record_id not in sent
            sent.add(record_id)
            delivery.acknowledged(record_id, 0, now)
    assert len(sent) == 500


class DeliveryMachine(RuleBasedStateMachine):
    """Whatever happens, in whatever order: the window holds, and nothing waiting is ever forgotten."""

    @initialize(window=st.integers(1, 5), jitter=st.floats(0, 0.99))
    def begin(self, window, jitter):
        self.window = window
        self.delivery = Delivery(Pace(window, 10.0, 100.0), jitter=lambda: jitter)
        self.now = 0.0
        self.waiting: list[bytes] = []
        self.on_the_wire: set[bytes] = set()
        self.up = False
        self.made = 0

    @rule()
    def a_report_is_taken(self):
        self.made += 1
        self.waiting.append(self.made.to_bytes(16, "big"))

    @rule(receive_maximum=st.integers(1, 10))
    def connects(self, receive_maximum):
        if not self.up:
            self.up = True
            self.limit = min(self.window, receive_maximum)
            self.delivery.connected(receive_maximum)

    @rule()
    def disconnects(self):
        self.up = False
        self.on_the_wire.clear()
        self.delivery.disconnected()

    @rule(seconds=st.floats(0, 50))
    def time_passes_and_we_send(self, seconds):
        self.now += seconds
        chosen = self.delivery.due(self.waiting, self.now)
        assert self.up or not chosen
        assert len(set(chosen)) == len(chosen)
        assert not self.on_the_wire & set(chosen)
        self.on_the_wire |= set(chosen)
        if self.up:
            assert len(self.on_the_wire) <= self.limit

    @precondition(lambda self: self.on_the_wire)
    @rule(reason=st.sampled_from([0, 0, NO_SUBSCRIBER, DENIED]), data=st.data())
    def a_puback_comes(self, reason, data):
        record_id = data.draw(st.sampled_from(sorted(self.on_the_wire)))
        self.on_the_wire.discard(record_id)
        self.delivery.acknowledged(record_id, reason, self.now)

    @precondition(lambda self: self.waiting)
    @rule(kept=st.booleans(), data=st.data())
    def a_receipt_comes(self, kept, data):
        record_id = data.draw(st.sampled_from(self.waiting))
        if kept:
            self.waiting.remove(record_id)
            self.delivery.settled(record_id)
        else:
            self.delivery.quarantined(record_id, self.now)
        self.on_the_wire.discard(record_id)

    @invariant()
    def everything_waiting_is_sent_in_the_end(self):
        if not getattr(self, "waiting", None) or not self.up:
            return
        horizon = self.now + 10_000.0
        probe = copy.deepcopy(self.delivery)
        reached = set(self.on_the_wire)
        while chosen := probe.due(self.waiting, horizon):
            reached |= set(chosen)
            for record_id in chosen:
                probe.acknowledged(record_id, 0, horizon)
        if len(self.on_the_wire) < self.limit:
            assert reached >= set(self.waiting)


DeliveryMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_delivery_over_random_events = DeliveryMachine.TestCase
