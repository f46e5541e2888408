"""Who may enrol, judged without a network: every request that must be refused, by its own reason."""

import tomllib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from edge_agent.enrolment.certificates import make_request
from edge_agent.wire import enrolment
from edge_agent.wire.enrolment import Request
from edge_agent.wire.keys import SoftwareSigner
from provisioning.acts import enrolment as enrolling
from provisioning.decisions.enrolment import RefusedError
from provisioning.fleet import FleetError
from provisioning.fleet_directory import FleetDirectory
from provisioning.office import Office
from tests.unit.provisioning.world import DAY, NOW, OFFICE


class Newcomer:
    """A kiosk at its first boot, with what is on its card."""

    def __init__(self, card):
        table = tomllib.loads((card / "courier" / "first-boot.toml").read_text(encoding="utf-8"))["claim"]
        settings = tomllib.loads((card / "kiosk.toml").read_text(encoding="utf-8"))
        self.claim, self.secret, self.kiosk = table["id"], bytes.fromhex(table["secret"]), settings["kiosk"]
        self.signing, self.tls = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def request(self, **other):
        asked = {"fleet": "coast", "kiosk": self.kiosk, "name": self.claim}
        keys = {"signing": make_request(self.signing, self.kiosk), "tls": make_request(self.tls, self.kiosk)}
        return Request(**(asked | keys | other))

    def apply(self, **other):
        return enrolment.apply(self.request(**other), self.secret)


class Bench:
    def __init__(self, staff):
        self.staff = staff
        self.open_keys = Office(FleetDirectory(staff.fleet), "Amina", NOW).keys(OFFICE)

    @property
    def office(self):
        return Office(FleetDirectory(self.staff.fleet), "Amina", self.staff.now)

    def newcomer(self, kiosk):
        self.staff.ok(*self.staff.add(kiosk, self.staff.folder / kiosk))
        return Newcomer(self.staff.folder / kiosk)

    def consider(self, name, raw):
        return enrolling.consider(self.office, name, raw, self.open_keys)

    def approve(self, name, raw):
        return enrolling.approve(self.office, [self.consider(name, raw)], self.open_keys)[0]

    def reason(self, name, raw):
        before = self.staff.everything()
        with pytest.raises(RefusedError) as refused:
            self.consider(name, raw)
        assert self.staff.everything() == before
        return refused.value.reason


@pytest.fixture
def bench(staff):
    return Bench(staff)


def test_an_approved_request_gets_two_certificates_that_hold_under_the_root(bench):
    newcomer = bench.newcomer("kiosk-1")
    raw = newcomer.apply()
    root = bytes.fromhex(bench.staff.state().root)
    reply, trusted = enrolment.trust_reply(bench.approve(newcomer.claim, raw), root, raw)
    assert (reply.kiosk, reply.refused) == ("kiosk-1", None)
    assert reply.signing
    assert reply.tls
    assert trusted.content.fleet == "coast"
    known = bench.staff.state().kiosk("kiosk-1")
    assert known.certificates[0].not_after == NOW + 90 * DAY
    assert known.signing.not_after == NOW + 400 * DAY


def test_the_same_request_again_gets_the_same_answer_and_registers_nothing_new(bench):
    newcomer = bench.newcomer("kiosk-1")
    raw = newcomer.apply()
    bench.approve(newcomer.claim, raw)
    assert bench.consider(newcomer.claim, raw).again
    bench.approve(newcomer.claim, raw)
    assert len(bench.staff.state().registered.keys) == 1
    assert bench.staff.state().registered.version == 2


def test_each_wrong_request_is_refused_by_its_own_name(bench):
    one, other = bench.newcomer("kiosk-1"), bench.newcomer("kiosk-2")
    raw = one.apply()
    assert bench.reason("claim-0000000000000000", raw) == "unknown-claim"
    assert bench.reason(one.claim, other.apply()) == "bad-signature"
    assert bench.reason(one.claim, enrolment.apply(one.request(), bytes(32))) == "bad-signature"
    assert bench.reason(one.claim, raw[:-1]) == "malformed"
    assert bench.reason(one.claim, b"") == "malformed"
    assert bench.reason(one.claim, one.apply(kiosk="kiosk-2")) == "another-kiosk"
    assert bench.reason(one.claim, one.apply(fleet="another")) == "another-kiosk"
    assert bench.reason(one.claim, one.apply(name=other.claim)) == "another-kiosk"
    assert bench.reason(one.claim, one.apply(tls=one.request().signing)) == "one-key"
    assert bench.reason(one.claim, one.apply(tls=b"no request")) == "key-file"
    assert bench.reason("kiosk-1", raw) == "malformed"


def test_a_used_an_expired_a_replaced_and_a_revoked_card_are_refused(bench):
    one = bench.newcomer("kiosk-1")
    bench.staff.now += 15 * DAY
    assert bench.reason(one.claim, one.apply()) == "claim-expired"
    bench.staff.ok("card", "kiosk-1", "--out", bench.staff.folder / "again", *bench.staff.office)
    assert bench.reason(one.claim, one.apply()) == "unknown-claim"
    newer = Newcomer(bench.staff.folder / "again")
    raw = newer.apply()
    bench.approve(newer.claim, raw)
    assert bench.reason(newer.claim, Newcomer(bench.staff.folder / "again").apply()) == "claim-used"
    bench.staff.ok("revoke", "kiosk-1", "--confirm", "kiosk-1", *bench.staff.office)
    assert bench.reason(newer.claim, raw) == "revoked"


def test_two_who_ask_with_one_card_are_never_both_enrolled(bench):
    owner = bench.newcomer("kiosk-1")
    thief = Newcomer(bench.staff.folder / "kiosk-1")
    applicants = [bench.consider(owner.claim, each.apply()) for each in (owner, thief)]
    assert applicants[0].words != applicants[1].words
    with pytest.raises(FleetError, match="twice"):
        enrolling.approve(bench.office, applicants, bench.open_keys)
    assert bench.staff.state().registered.keys == []
    enrolling.approve(bench.office, applicants[:1], bench.open_keys)
    with pytest.raises(RefusedError, match="used already"):
        enrolling.approve(bench.office, applicants[1:], bench.open_keys)


def test_a_renewal_is_granted_to_the_kiosks_own_key_alone(bench):
    one, other = bench.newcomer("kiosk-1"), bench.newcomer("kiosk-2")
    for each in (one, other):
        bench.approve(each.claim, each.apply())
    renewal = one.request(name="kiosk-1")
    raw = enrolment.sign_renewal(renewal, SoftwareSigner(one.signing))
    assert bench.consider("kiosk-1", raw).renewal
    assert bench.reason("kiosk-2", raw) == "another-kiosk"
    assert bench.reason("kiosk-1", enrolment.sign_renewal(renewal, SoftwareSigner(other.signing))) == "unknown-signer"
    assert bench.reason("kiosk-1", enrolment.sign_renewal(renewal, SoftwareSigner.generate())) == "unknown-signer"
    bench.approve("kiosk-1", raw)
    assert len(bench.staff.state().kiosk("kiosk-1").certificates) == 2
    bench.staff.ok("revoke", "kiosk-1", "--confirm", "kiosk-1", *bench.staff.office)
    assert bench.reason("kiosk-1", raw) == "revoked"


def test_a_claim_may_knock_for_an_hour_after_its_use_and_then_has_nothing(bench):
    one = bench.newcomer("kiosk-1")
    bench.approve(one.claim, one.apply())
    assert one.claim in bench.staff.state().claims
    bench.staff.now += 2 * 3600
    bench.newcomer("kiosk-2")
    assert one.claim in bench.staff.state().shut_out
    acl = (bench.staff.fleet / "to-copy" / "acl").read_text(encoding="utf-8")
    assert f"user {one.claim}\ntopic deny #" in acl


def test_the_words_are_from_the_known_list_and_change_with_every_bit(bench):
    one = bench.newcomer("kiosk-1")
    raw = one.apply()
    assert enrolment.words(raw) != enrolment.words(raw[:-1] + bytes([raw[-1] ^ 1]))
