"""The vectors of sealed records: right ones, and each thing that can be wrong with how one was made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from edge_agent.wire import cbor, cose, documents, fields, padding, sealing
from edge_agent.wire.consent import Answer
from edge_agent.wire.topics import Address, Channel
from tests.vectors import fleet
from tests.vectors.forge import COMMITMENT, SEQ, Forge, record_case, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.case import Case

V2 = sealing.TYPE.replace("v1", "v2")
ISSUER, CONSENT, TOPIC, SIGNER = 1, -65606, -65607, -65601


def cases() -> Iterator[Case]:
    yield from _right()
    yield from _somebody_else()
    yield from _another_topic()
    yield from _another_version()
    yield from _structure()
    yield from _two_faced()
    yield from _inside()


def _right() -> Iterator[Case]:
    never_set = msgspec.structs.replace(
        fleet.REPORT,
        captured=msgspec.structs.replace(
            fleet.REPORT.captured, utc=4711, quality=fields.ClockQuality.UNSET, error_ms=None
        ),
    )
    for name, about, what, claims in (
        ("report", "A report with one face, which each of its three recipients can open.", fleet.REPORT, fleet.CLAIMS),
        (
            "clock-never-set",
            "A report by a clock that was never set: it ends 180 days after its arrival, whenever that is.",
            never_set,
            replace(fleet.SECOND_CLAIMS, issued_at=0, expires_at=180 * 86_400),
        ),
    ):
        plain_claims = {k: v.hex() if isinstance(v, bytes) else v for k, v in claims.to_map().items()}
        yield record_case(
            name,
            about,
            fleet.sealed(what, claims),
            opened_by=fleet.HOLDERS,
            claims={str(label): value for label, value in plain_claims.items()},
            plain=documents.to_cbor(what).hex(),
        )
    yield record_case("one-recipient", "The fewest recipients.", Forge().record())


def _somebody_else() -> Iterator[Case]:
    stranger, stolen, second = (fleet.SIGNERS[name] for name in ("stranger", "stolen", "station-2"))
    yield record_case("signed-by-unknown", "Signed by a key of nobody.", Forge(by=stranger).record(), "unknown-signer")
    its_own = {ISSUER: "stolen", TOPIC: Address(fleet.FLEET, "stolen").topic(Channel.RECORDS)}
    yield record_case(
        "revoked",
        "Signed by a kiosk that was taken out of service, right in all else.",
        Forge(by=stolen, claims=its_own).record(),
        "revoked",
        arrived_on=its_own[TOPIC],
    )
    yield record_case(
        "signed-again-outside",
        "Another kiosk put its own signature around station-1's record.",
        Forge(claims={SIGNER: fleet.CLAIMS.signer_kid}, by=second).record(),
        "wrong-signer",
    )
    yield record_case(
        "signed-again-inside-too",
        "Another kiosk put its own key's id inside too, but names station-1.",
        Forge(by=second).record(),
        "wrong-signer",
    )


def _another_topic() -> Iterator[Case]:
    second = Address(fleet.FLEET, "station-2").topic(Channel.RECORDS)
    yield record_case(
        "topic-of-another-kiosk", "Came by another kiosk's topic.", Forge().record(), "wrong-topic", arrived_on=second
    )
    yield record_case(
        "topic-inside-of-another-kiosk",
        "The topic in the claims is another kiosk's.",
        Forge(claims={TOPIC: second}).record(),
        "wrong-topic",
        arrived_on=second,
    )
    other_fleet = Address("other", "station-1").topic(Channel.RECORDS)
    yield record_case(
        "topic-of-another-fleet",
        "Made for another fleet that knows the same kiosk.",
        Forge(claims={TOPIC: other_fleet}).record(),
        "wrong-topic",
        arrived_on=other_fleet,
    )
    yield record_case(
        "topic-of-another-channel",
        "Made for the status topic.",
        Forge(claims={TOPIC: fleet.KIOSK.topic(Channel.STATUS)}).record(),
        "wrong-topic",
        schema="refuses",
    )
    yield record_case(
        "topic-of-nobody", "The topic is none of ours.", Forge(claims={TOPIC: "a/b"}).record(), "malformed"
    )


def _another_version() -> Iterator[Case]:
    yield record_case(
        "version-2", "The type is version 2, inside and outside.", _typed(V2, V2).record(), "unknown-version"
    )
    yield record_case(
        "version-2-inside", "Version 2 inside alone.", _typed(sealing.TYPE, V2).record(), "unknown-version"
    )
    receipt = cose.media_type("receipt")
    yield record_case("type-of-receipt", "The type of a receipt.", _typed(receipt, receipt).record(), "unknown-version")
    yield record_case("alg-outside", "Said to be signed by ES384.", Forge(outer={1: -35}).record(), "unknown-version")
    yield record_case("alg-inside", "Said to be A128GCM.", Forge(headers={1: 1}).record(), "unknown-version")

    def other_kem(layers: list[Any]) -> None:
        layers[3][0][0] = cbor.encode({1: 46, 4: fleet.RECIPIENTS["mei"].public_key.kid})

    yield record_case(
        "alg-recipient", "A recipient by HPKE-0-KE.", Forge(in_encrypt=other_kem).record(), "unknown-version"
    )


def _typed(outside: str, inside: str) -> Forge:
    return Forge(outer={16: outside}, headers={16: inside})


def _structure() -> Iterator[Case]:
    def unprotected(sign1: list[Any]) -> None:
        sign1[1] = {4: b"x"}

    def short_signature(sign1: list[Any]) -> None:
        sign1[3] = sign1[3][:-1]

    def extra_part(sign1: list[Any]) -> None:
        sign1.append(b"")

    for change, about in (
        (unprotected, "An unprotected header outside."),
        (short_signature, "A signature of 63 bytes."),
        (extra_part, "A fifth part."),
    ):
        name = change.__name__.replace("_", "-")
        yield record_case(f"structure-{name}", about, Forge(in_sign1=change).record(), "malformed")

    def no_recipient(layers: list[Any]) -> None:
        layers[3] = []

    def seventeen_recipients(layers: list[Any]) -> None:
        layers[3] = [layers[3][0]] * 17

    def recipient_twice(layers: list[Any]) -> None:
        layers[3] *= 2

    def unprotected_inside(layers: list[Any]) -> None:
        layers[1][4] = b"x"

    def no_iv(layers: list[Any]) -> None:
        layers[1] = {}

    def long_iv(layers: list[Any]) -> None:
        layers[1] = {5: bytes(16)}

    def recipient_unprotected(layers: list[Any]) -> None:
        layers[3][0][1][4] = b"x"

    def recipient_protected(layers: list[Any]) -> None:
        layers[3][0][0] = cbor.encode({1: 57, 4: fleet.RECIPIENTS["mei"].public_key.kid, 5: b""})

    def recipient_of_recipient(layers: list[Any]) -> None:
        layers[3][0].append([])

    def short_wrapped(layers: list[Any]) -> None:
        layers[3][0][2] = layers[3][0][2][:-1]

    def short_encapsulated(layers: list[Any]) -> None:
        layers[3][0][1] = {-4: layers[3][0][1][-4][:-1]}

    for change, about in (
        (no_recipient, "Nobody can open it."),
        (seventeen_recipients, "One recipient more than 16."),
        (recipient_twice, "The same recipient twice."),
        (unprotected_inside, "An unprotected header besides the IV."),
        (no_iv, "No IV."),
        (long_iv, "An IV of 16 bytes."),
        (recipient_unprotected, "A recipient with a second unprotected header."),
        (recipient_protected, "A recipient with a third protected header."),
        (recipient_of_recipient, "A recipient with recipients of its own."),
        (short_wrapped, "A wrapped key of 47 bytes."),
        (short_encapsulated, "An encapsulated key of 1,119 bytes."),
    ):
        name = change.__name__.replace("_", "-")
        schema = {"schema": "accepts"} if change is recipient_twice else {}
        yield record_case(f"structure-{name}", about, Forge(in_encrypt=change).record(), "malformed", **schema)

    for name, about, forge in (
        ("outer-header-more", "A fourth protected header outside.", Forge(outer={3: 0})),
        ("outer-header-less", "No type outside.", Forge(outer={16: None})),
        ("outer-kid-short", "A key id of 7 bytes outside.", Forge(outer={4: bytes(7)})),
        ("header-more", "A fifth protected header.", Forge(headers={3: 0})),
        ("header-less", "No commitment.", Forge(headers={COMMITMENT: None})),
        ("commitment-short", "A commitment of 31 bytes.", Forge(headers={COMMITMENT: bytes(31)})),
        ("claim-more", "An audience among the claims.", Forge(claims={3: "anybody"})),
        ("claim-no-end", "No end among the claims.", Forge(claims={4: None})),
        ("claim-end-past-2-53", "An end in second 2^53.", Forge(claims={4: 1 << 53})),
        ("claim-end-true", "An end that is true.", Forge(claims={4: True})),
        ("claim-less", "No sequence number.", Forge(claims={SEQ: None})),
        ("claim-zero", "Sequence number 0.", Forge(claims={SEQ: 0})),
        ("claim-negative-time", "A second before 1970.", Forge(claims={6: -1})),
        ("claim-past-2-53", "Sequence number 2^53.", Forge(claims={SEQ: 1 << 53})),
        ("claim-time-past-2-53", "Second 2^53.", Forge(claims={6: 1 << 53})),
        ("claim-true", "A sequence number that is true.", Forge(claims={SEQ: True})),
        ("claim-short", "A consent hash of 31 bytes.", Forge(claims={CONSENT: bytes(31)})),
        ("claims-no-map", "Claims that are no map.", Forge(headers={15: b""})),
        ("tag-outside", "Tagged as a COSE_Mac0.", Forge(tags=(17, 96))),
        ("tag-inside", "Tagged as a COSE_Encrypt0.", Forge(tags=(18, 16))),
    ):
        yield record_case(f"structure-{name}", about, forge.record(), "malformed")
    ends_at_once = Forge(claims={4: fleet.NOON}).record()
    about = "An end that is not after the sealing."
    yield record_case("structure-claim-end-at-once", about, ends_at_once, "malformed", schema="accepts")

    right = Forge().record()
    yield record_case("trailing-byte", "One byte more than the record.", right + b"\0", "not-canonical")
    yield record_case("cut-off", "The last byte is missing.", right[:-1], "malformed")
    yield record_case("empty", "No bytes at all.", b"", "malformed")
    yield record_case(
        "long-head",
        "An array's head in two bytes where one does.",
        right[:1] + b"\x98\x04" + right[2:],
        "not-canonical",
    )
    yield record_case("untagged", "COSE_Sign1 without its tag.", right[1:], "malformed")


def _two_faced() -> Iterator[Case]:
    def second_key(layers: list[Any]) -> None:
        layers[3][1] = wrap(fleet.seed("another content key"), "amadou")

    two = Forge(to=("mei", "amadou"), in_encrypt=second_key).record()
    about = "Two recipients were given different keys; the commitment is to the first one's."
    yield record_case("two-keys-first-recipient", f"{about} She opens it.", two)
    yield record_case(
        "two-keys-second-recipient", f"{about} He sees that.", two, "bad-commitment", opened_by=("amadou",)
    )
    yield record_case(
        "not-for-this-key", "Sealed for others.", Forge().record(), "not-for-this-key", opened_by=("outsider",)
    )


def _inside() -> Iterator[Case]:
    plain = documents.to_cbor(fleet.REPORT)
    padded = padding.pad(plain)
    tampered = cbor.encode(documents.to_map(fleet.REPORT) | {"name": "no"})
    for name, about, inside, expect in (
        ("padding-not-zero", "The last byte of the padding is 1.", padded[:-1] + b"\1", "malformed"),
        ("padding-long", "One byte of padding too many.", padded + b"\0", "malformed"),
        ("padding-short", "One byte of padding too few.", padded[:-1], "malformed"),
        ("padding-none", "No padding.", plain, "malformed"),
        ("report-empty", "Nothing inside.", b"", "malformed"),
        ("report-no-map", "A number inside.", padding.pad(cbor.encode(5)), "malformed"),
        ("report-unknown-field", "A field that the report does not have.", padding.pad(tampered), "malformed"),
        (
            "report-default-spelt-out",
            "An unknown eye distance, spelt out as null.",
            padding.pad(_with_null_eye_distance()),
            "not-canonical",
        ),
        ("report-long-head", "A longer head than needed inside.", padding.pad(_long_headed(plain)), "not-canonical"),
        ("report-indefinite", "A map of indefinite length.", b"\xbf" + plain[1:] + b"\xff", "not-canonical"),
    ):
        schema = "accepts" if inside else "refuses"  # the schema sees that there is no room for anything
        yield record_case(f"inside-{name}", about, Forge(padded=inside).record(), expect, schema=schema)
    for name, about, changes in (
        ("no-face", "A report without a face.", {"faces": []}),
        ("names-a-record", "A report that also takes a record back.", {"withdraws": bytes(16)}),
        ("kind", "A report that says that it is one.", {"kind": "report"}),
    ):
        inside = padding.pad(cbor.encode(documents.to_map(fleet.REPORT) | changes))
        forge = Forge(padded=inside, claims={CONSENT: fleet.REPORT.consent_hash})
        yield record_case(f"inside-{name}", about, forge.record(), "malformed", schema="accepts")
    refused = documents.to_map(fleet.REPORT)
    refused["consent"]["homeward:asked"][0][Answer.TERMS.index("dpv:hasConsentStatus")] = "dpv:ConsentRefused"
    yield record_case(
        "inside-consent-refused",
        "A report although tracing was refused.",
        Forge(padded=padding.pad(cbor.encode(refused))).record(),
        "malformed",
        schema="accepts",
    )
    yield record_case(
        "consent-mismatch",
        "The consent inside is not the one bound outside.",
        Forge(claims={CONSENT: fleet.seed("other consent")}).record(),
        "consent-mismatch",
    )
    yield record_case(
        "longer-than-consented",
        "The claims name an end a day after the one that was consented to.",
        Forge(claims={4: fleet.CLAIMS.expires_at + 86_400}).record(),
        "consent-mismatch",
    )
    yield record_case(
        "sealed-another-day",
        "The claims name another time of sealing, and so another end, than the report.",
        Forge(claims={4: fleet.CLAIMS.expires_at - 3600, 6: fleet.NOON - 3600}).record(),
        "consent-mismatch",
    )


def _with_null_eye_distance() -> bytes:
    plain = documents.to_map(fleet.REPORT)
    plain["faces"][0]["measures"] = {"sharpness": 1.5, "exposure": 1.5, "eye_distance": None}
    return cbor.encode(plain)


def _long_headed(plain: bytes) -> bytes:
    assert plain[0] >> 5 == 5
    return bytes([0xB8, plain[0] & 0x1F]) + plain[1:]
