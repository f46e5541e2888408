"""The decisions, without a disk: whatever staff do, versions go up and what ended stays ended."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_agent.wire import bundle, registry
from edge_agent.wire.bundle import Holder, Recipient
from edge_agent.wire.fields import Controller
from edge_agent.wire.keys import RecipientPrivateKey, SoftwareSigner
from provisioning import audit
from provisioning.decisions import claims, service, trust
from provisioning.decisions.permission import check_clock
from provisioning.fleet import Certificate, Claim, ClockError, FleetError, State
from tests.unit.provisioning.test_nothing_half_done import plan
from tests.unit.provisioning.world import DAY, NOW

ROOT, ORDERS, RECEIPTS = (SoftwareSigner.generate() for _ in range(3))
KEYS = [SoftwareSigner.generate().public_key for _ in range(4)]
RECIPIENTS = [
    Recipient(name=f"person {number}", holder=holder, key=RecipientPrivateKey.generate().public_key.raw)
    for number, holder in enumerate([Holder.ESCROW, Holder.ESCROW, Holder.CASEWORKER, Holder.CASEWORKER])
]
KIOSKS = ["kiosk-1", "kiosk-2", "kiosk-3"]


def a_state():
    content = trust.first_bundle(
        "coast",
        Controller(name="The NGO", contact="+86"),
        "CN",
        RECIPIENTS[:1],
        receipts=RECEIPTS.public_key,
        orders=ORDERS.public_key,
        now=NOW,
        days=365,
    )
    nobody = registry.RegistryContent(fleet="coast", version=1, issued_at=NOW, keys=[])
    return State(
        fleet="coast",
        root=ROOT.public_key.hex(),
        authority="",
        crl="",
        brokers=["localhost:8883"],
        bundle=bundle.sign(content, ROOT),
        registry=registry.sign(nobody, ORDERS),
        last_act=audit.following(None, at=NOW, who="Amina", act="begin", facts={}),
    )


class Staff(RuleBasedStateMachine):
    """Any acts in any order, by a clock that stumbles; some are refused, none takes anything back."""

    def __init__(self):
        super().__init__()
        self.state, self.now, self.serial = a_state(), NOW, 0
        self.seen = (1, 1)
        self.ended = {}

    def attempt(self, act):
        before = self.state
        try:
            self.state = act()
        except FleetError:
            assert self.state is before

    def certificate(self):
        self.serial += 1
        return Certificate(serial=f"{self.serial:x}", not_after=self.now + 14 * DAY)

    def claim(self):
        certificate = self.certificate()
        return Claim(id=f"claim-{certificate.serial}", certificate=certificate)

    @rule(days=st.integers(-3, 20))
    def time_goes_on_or_the_clock_is_set_back(self, days):
        self.now += days * DAY

    @rule(chosen=st.lists(st.sampled_from(range(4)), max_size=4))
    def change_recipients(self, chosen):
        wanted = [RECIPIENTS[number] for number in chosen]
        self.attempt(lambda: trust.with_recipients(self.state, wanted, ROOT, now=self.now, days=365))

    @rule(kiosk=st.sampled_from(KIOSKS))
    def add(self, kiosk):
        self.attempt(lambda: claims.with_kiosk(self.state, plan(kiosk), self.claim(), now=self.now))

    @rule(kiosk=st.sampled_from(KIOSKS))
    def make_another_card(self, kiosk):
        self.attempt(lambda: claims.with_claim(self.state, kiosk, self.claim()))

    @rule(kiosk=st.sampled_from(KIOSKS), key=st.sampled_from(KEYS), request=st.sampled_from(["", "0c"]))
    def enrol(self, kiosk, key, request):
        enrolled = service.Enrolled(kiosk, key, self.certificate(), request=request)
        self.attempt(lambda: service.with_enrolled(self.state, enrolled, ORDERS, now=self.now))

    @precondition(lambda self: self.state.kiosks)
    @rule(kiosk=st.sampled_from(KIOSKS))
    def revoke(self, kiosk):
        self.attempt(lambda: service.with_revoked(self.state, kiosk, ORDERS, now=self.now))

    @invariant()
    def versions_never_go_back_and_what_is_signed_can_be_read(self):
        trusted = self.state.trusted
        now = (trusted.content.version, registry.trust(self.state.registry, trusted).version)
        assert now >= self.seen
        assert now[0] >= self.seen[0]
        assert now[1] >= self.seen[1]
        self.seen = now

    @invariant()
    def there_is_always_an_escrow(self):
        assert any(r.holder is Holder.ESCROW for r in self.state.trusted.content.recipients)

    @invariant()
    def a_revoked_key_stays_revoked_since_the_same_time(self):
        ended = {entry.key: entry.revoked_at for entry in self.state.registered.keys if entry.revoked_at is not None}
        assert self.ended.items() <= ended.items()
        self.ended = ended

    @invariant()
    def a_kiosk_is_trusted_exactly_while_it_is_in_service(self):
        trusted = {entry.kiosk for entry in self.state.registered.keys if entry.revoked_at is None}
        assert trusted == set(self.state.in_service)
        assert not trusted & set(self.state.shut_out)

    @invariant()
    def every_certificate_of_a_revoked_kiosk_and_every_dead_claim_is_on_the_crl(self):
        listed = set(service.revoked_certificates(self.state, self.now))
        for kiosk in self.state.kiosks:
            all_of_it = {held.serial for held in [*kiosk.certificates, kiosk.claim.certificate]}
            assert not kiosk.revoked_at or all_of_it <= listed
            assert kiosk.claim.may_knock(self.now) or kiosk.claim.certificate.serial in listed
            if kiosk.claim.used_at is None and kiosk.revoked_at is None:
                assert kiosk.claim.certificate.serial not in listed

    @invariant()
    def what_a_kiosk_in_service_delivers_with_is_never_on_the_crl(self):
        listed = set(service.revoked_certificates(self.state, self.now))
        serving = [self.state.kiosk(kiosk) for kiosk in self.state.in_service]
        assert not {kiosk.certificates[-1].serial for kiosk in serving} & listed


TestStaff = Staff.TestCase
TestStaff.settings = settings(deadline=None, max_examples=25, stateful_step_count=25)


def test_a_clock_that_is_a_little_behind_is_no_fault():
    check_clock(NOW - 60, NOW)


@pytest.mark.parametrize(("now", "last"), [(NOW - DAY, NOW), (NOW + 366 * DAY, NOW), (0, None)])
def test_a_clock_that_can_not_be_right_is_a_fault(now, last):
    with pytest.raises(ClockError):
        check_clock(now, last)


def test_two_recipients_of_one_name_are_refused():
    twin = Recipient(name=RECIPIENTS[0].name, holder=Holder.CASEWORKER, key=RECIPIENTS[2].key)
    with pytest.raises(FleetError, match="same name"):
        trust.check_recipients([RECIPIENTS[0], twin])
