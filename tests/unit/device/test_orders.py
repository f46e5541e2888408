"""Orders on the kiosk: verified by whoever obeys them, never older ones, never another's, kept over a restart."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edge_agent import authorities, config
from edge_agent.errors import SettingsError
from edge_agent.orders import StandingOrders, ordered_to_wipe, with_changes
from edge_agent.reporting import check_ordered_notice, notices
from edge_agent.trust import TrustFile
from edge_agent.wire import bundle, orders
from edge_agent.wire.bundle import Holder, Recipient
from edge_agent.wire.keys import RecipientPrivateKey, SoftwareSigner
from edge_agent.wire.orders import Mode, NoticeWords, OrderedNotice, Orders
from provisioning.certificates import Authority
from provisioning.throwaway import ThrowawayFleet


class Post:
    """A kiosk's folder, and a fleet that orders it about."""

    def __init__(self, folder):
        escrow = Recipient(name="escrow", holder=Holder.ESCROW, key=RecipientPrivateKey.generate().public_key.raw)
        self.fleet = ThrowawayFleet(folder, [escrow])
        self.here = self.fleet.add_kiosk("kiosk-1")
        self.settings = config.load(self.here / "kiosk.toml")
        self.key = self.here / "signing.key"

    @property
    def trust(self):
        return TrustFile(self.settings.trust, delivered=self.settings.delivered_bundle)

    def standing(self, beside=None, check_notice=None):
        return StandingOrders(self.settings, self.trust, beside or self.key, check_notice)

    def speaking(self):
        """What stands at a kiosk with a screen."""
        self.settings = msgspec.structs.replace(self.settings, screen=config.Screen(url_file="url"))
        return self.standing(check_notice=check_ordered_notice)

    def words(self, standing):
        return notices(standing.applied(self.settings), self.trust.current(), standing.notice)

    def sign(self, version, signer=None, **other):
        plain = {"fleet": "demo", "kiosk": "kiosk-1", "version": version, "issued_at": 1, "mode": Mode.SERVE}
        return orders.sign(Orders(**(plain | other)), signer or self.fleet.order_signer)

    def arrive(self, data):
        (self.here / "shared" / "orders.cose").write_bytes(data)


@pytest.fixture
def post(tmp_path):
    return Post(tmp_path)


def said(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_orders_come_into_force_and_stay_over_a_restart(post):
    standing = post.standing()
    assert (standing.version, standing.mode) == (0, Mode.SERVE)
    post.arrive(post.sign(1, mode=Mode.PAUSE, settings={"site.name": "West hall"}))
    assert standing.look()
    assert not standing.look()
    again = post.standing()
    assert (again.version, again.mode) == (1, Mode.PAUSE)
    assert again.applied(post.settings).site.name == "West hall"


NOTICE = {
    "who_sees": "{ngo} sees it.",
    "what_for": "To look for you.",
    "how_long": "For {days} days.",
    "take_back": "Call {telephone}.",
    "free": "You can say no.",
}


def ordered(identifier="coast-2", **words):
    return OrderedNotice(id=identifier, words={code: NoticeWords(**NOTICE | said) for code, said in words.items()})


@pytest.mark.red_line(12)
def test_words_that_are_ordered_take_the_notices_place_and_are_another_notice(post):
    standing = post.speaking()
    before = post.words(standing)
    post.arrive(post.sign(1, notice=ordered(en={"what_for": "To find those who miss you."})))
    assert standing.look()
    after = post.words(post.speaking())
    assert after["en"].text("notice.what_for") == "To find those who miss you."
    assert after["en"].text("notice.take_back") == "Call +00 000 0000."
    assert (after["en"].id, after["zh"].id) == ("coast-2", before["zh"].id)
    assert after["en"].sha256 != before["en"].sha256
    assert after["zh"] == before["zh"]
    (post.here / "shared" / "orders.cose").unlink()
    post.arrive(post.sign(2))
    assert standing.look()
    assert post.words(standing) == before


@pytest.mark.red_line(12)
@pytest.mark.parametrize(
    "notice",
    [
        ordered(sw={}),
        ordered(en={"what_for": "To look for you. " * 23, "free": "You can say no. " * 25}),
        ordered("homeward-notice-1", en={}),
        ordered(en={}, ug={"what_for": "ئ" * 400, "free": "ئ" * 400}),
    ],
    ids=[
        "a language without words",
        "too long for the screen",
        "under the first notice's id",
        "too long in one of two",
    ],
)
def test_a_notice_that_can_not_be_told_here_makes_the_orders_void(post, capsys, notice):
    standing = post.speaking()
    before = post.words(standing)
    post.arrive(post.sign(1, notice=notice, settings={"site.name": "West hall"}))
    assert not standing.look()
    assert [line["code"] for line in said(capsys)] == ["settings"]
    assert (standing.version, post.words(standing)) == (0, before)


def test_a_notice_on_paper_is_not_changed_by_orders(post):
    standing = post.standing(check_notice=check_ordered_notice)
    post.arrive(post.sign(1, notice=ordered(en={})))
    assert not standing.look()


def test_the_courier_passes_on_a_notice_that_it_does_not_understand(post):
    (post.here / "courier").mkdir()
    courier = post.standing(post.here / "courier" / "tls.key")
    assert courier.leave(post.sign(1, notice=ordered(sw={})))
    assert not post.speaking().look()


def test_older_foreign_and_forged_orders_are_refused(post, capsys):
    standing = post.standing()
    post.arrive(post.sign(3))
    assert standing.look()
    capsys.readouterr()
    for wrong, code in (
        (post.sign(3), "rolled-back"),
        (post.sign(2), "rolled-back"),
        (post.sign(4, kiosk="kiosk-2"), "unknown-signer"),
        (post.sign(4, fleet="another"), "unknown-signer"),
        (post.sign(4, signer=SoftwareSigner.generate()), "unknown-signer"),
        (post.sign(4)[:-1], "malformed"),
        (post.sign(4, settings={"trust.root": "mine.pub"}), "settings"),
        (post.sign(4, settings={"site.latitude": 1000.0}), "settings"),
    ):
        (post.here / "shared" / "orders.cose").unlink()
        post.arrive(wrong)
        assert not standing.look(), code
        assert [line["code"] for line in said(capsys)] == [code]
    assert standing.version == 3


def test_what_the_network_brought_is_left_for_the_kiosk_only_when_it_is_news(post):
    courier = post.standing(post.here / "courier" / "tls.key")
    (post.here / "courier").mkdir()
    assert courier.leave(post.sign(2))
    assert not courier.leave(post.sign(1))
    assert post.standing().look()


def test_a_newer_bundle_in_the_orders_is_taken_up_and_an_older_one_left(post):
    content = bundle.trust(post.fleet.bundle, post.fleet.root.public_key).content
    newer = bundle.sign(msgspec.structs.replace(content, version=2), post.fleet.root)
    standing = post.standing()
    post.arrive(post.sign(1, bundle=newer))
    assert standing.look()
    trust = TrustFile(post.settings.trust, delivered=post.settings.delivered_bundle)
    assert trust.current().content.version == 2


def test_another_roots_bundle_makes_the_orders_void(post, capsys):
    content = bundle.trust(post.fleet.bundle, post.fleet.root.public_key).content
    foreign = bundle.sign(msgspec.structs.replace(content, version=9), SoftwareSigner.generate())
    post.arrive(post.sign(1, bundle=foreign))
    standing = post.standing()
    assert not standing.look()
    assert said(capsys)[0]["code"] == "unknown-signer"
    assert standing.version == 0


def test_the_cas_that_orders_name_are_trusted_and_the_cards_where_they_name_none(post):
    cards = authorities.read(Path(post.settings.broker.ca))
    standing = post.standing()
    assert standing.authorities == cards
    new = x509.load_pem_x509_certificate(Authority.create("demo", post.fleet.now).pem)
    both = [one.public_bytes(Encoding.DER) for one in (new, *cards)]
    post.arrive(post.sign(1, authorities=both))
    assert standing.look()
    assert standing.authorities == [new, *cards]
    assert post.standing().authorities == [new, *cards]
    post.arrive(post.sign(2))
    assert standing.look()
    assert standing.authorities == cards


def test_damaged_cas_make_the_orders_void(post, capsys):
    (good,) = (one.public_bytes(Encoding.DER) for one in authorities.read(Path(post.settings.broker.ca)))
    standing = post.standing()
    kiosks = x509.load_pem_x509_certificate(Path(post.settings.broker.certificate).read_bytes())
    for version, wrong in enumerate((good[:-1], good + b"x", b"\x30", kiosks.public_bytes(Encoding.DER)), 1):
        post.arrive(post.sign(version, authorities=[good, wrong], mode=Mode.PAUSE))
        assert not standing.look(), version
        assert [line["code"] for line in said(capsys)] == ["malformed"]
    assert (standing.version, standing.mode) == (0, Mode.SERVE)


def test_a_wipe_is_remembered(post):
    assert not ordered_to_wipe(post.key)
    post.arrive(post.sign(1, mode=Mode.WIPE))
    assert post.standing().look()
    assert ordered_to_wipe(post.key)


def test_orders_in_force_that_can_not_be_read_are_said_and_not_forgotten(post):
    (post.here / "orders.cose").write_bytes(b"half")
    with pytest.raises(SettingsError, match="orders in force"):
        post.standing()


@pytest.mark.parametrize("name", orders.SETTINGS)
def test_every_setting_that_orders_may_change_is_a_setting(post, name):
    here = post.settings
    for step in name.split("."):
        here = getattr(here, step)
    value = ",".join(here) if isinstance(here, list) else here
    assert isinstance(value, orders.SETTINGS[name])
    assert with_changes(post.settings, {name: value}) == post.settings
