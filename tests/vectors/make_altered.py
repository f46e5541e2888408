"""The vectors of records that were changed: on the way, or by whoever could sign them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_agent.wire import cbor, keys
from tests.vectors import fleet
from tests.vectors.forge import SEQ, Forge, flip, record_case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.vectors.case import Case


def cases() -> Iterator[Case]:
    yield from _altered_on_the_way()
    yield from _altered_and_signed_again()


def _altered_on_the_way() -> Iterator[Case]:
    """Bytes changed after signing: the signature says so, whatever part it was."""

    def payload(change: Callable[[list[Any]], None]) -> Callable[[list[Any]], None]:
        def apply(sign1: list[Any]) -> None:
            tagged = cbor.decode(sign1[2], max_bytes=1 << 17, tags=(96,))
            change(tagged.value)
            sign1[2] = cbor.encode(tagged)

        return apply

    def headers(encrypt: list[Any]) -> None:
        encrypt[0] = flip(encrypt[0], len(encrypt[0]) - 1)  # the commitment's last byte

    def claims(encrypt: list[Any]) -> None:
        plain = cbor.decode(encrypt[0], max_bytes=1 << 17)
        plain[15][SEQ] += 1
        encrypt[0] = cbor.encode(plain)

    def iv(encrypt: list[Any]) -> None:
        encrypt[1] = {5: flip(encrypt[1][5])}

    def ciphertext(encrypt: list[Any]) -> None:
        encrypt[2] = flip(encrypt[2])

    def tag(encrypt: list[Any]) -> None:
        encrypt[2] = flip(encrypt[2], -1)

    def recipient_key(encrypt: list[Any]) -> None:
        encrypt[3][0][0] = flip(encrypt[3][0][0], -1)

    def encapsulated(encrypt: list[Any]) -> None:
        encrypt[3][0][1] = {-4: flip(encrypt[3][0][1][-4])}

    def wrapped(encrypt: list[Any]) -> None:
        encrypt[3][0][2] = flip(encrypt[3][0][2])

    for change, what in (
        (headers, "The commitment in the protected header"),
        (claims, "The sequence number in the claims"),
        (iv, "The IV"),
        (ciphertext, "The ciphertext"),
        (tag, "The AEAD's tag"),
        (recipient_key, "The key id in a recipient's protected header"),
        (encapsulated, "A recipient's encapsulated key"),
        (wrapped, "A recipient's wrapped key"),
    ):
        name = change.__name__.replace("_", "-")
        about = f"{what} was changed on the way."
        yield record_case(f"altered-{name}", about, Forge(in_sign1=payload(change)).record(), "bad-signature")

    def signature(sign1: list[Any]) -> None:
        sign1[3] = flip(sign1[3])

    def other_s(sign1: list[Any]) -> None:
        r, s = sign1[3][:32], int.from_bytes(sign1[3][32:], "big")
        sign1[3] = r + (keys.P256_ORDER - s).to_bytes(32, "big")

    def kid(sign1: list[Any]) -> None:
        sign1[0] = flip(sign1[0], sign1[0].index(keys.kid(fleet.SIGNERS["station-1"].public_key)))

    yield record_case(
        "altered-signature", "The signature was changed.", Forge(in_sign1=signature).record(), "bad-signature"
    )
    yield record_case(
        "altered-signature-s",
        "The signature's s is n - s: plain ECDSA would take it, and the record would have another hash.",
        Forge(in_sign1=other_s).record(),
        "bad-signature",
    )
    yield record_case("altered-kid", "The key id outside was changed.", Forge(in_sign1=kid).record(), "wrong-signer")


def _altered_and_signed_again() -> Iterator[Case]:
    """Changed, then signed by the kiosk's own key: only the opening can tell."""

    def set_iv(layers: list[Any]) -> None:
        layers[1] = {5: flip(layers[1][5])}

    def set_ciphertext(layers: list[Any]) -> None:
        layers[2] = flip(layers[2])

    def set_tag(layers: list[Any]) -> None:
        layers[2] = flip(layers[2], -1)

    def set_claims(layers: list[Any]) -> None:
        plain = cbor.decode(layers[0], max_bytes=1 << 17)
        plain[15][SEQ] += 1
        layers[0] = cbor.encode(plain)

    def set_wrapped(layers: list[Any]) -> None:
        layers[3][0][2] = flip(layers[3][0][2])

    def set_encapsulated(layers: list[Any]) -> None:
        layers[3][0][1] = {-4: flip(layers[3][0][1][-4])}

    def set_encapsulated_curve(layers: list[Any]) -> None:
        layers[3][0][1] = {-4: flip(layers[3][0][1][-4], -1)}

    def set_curve_to_zero(layers: list[Any]) -> None:
        layers[3][0][1] = {-4: layers[3][0][1][-4][:1088] + bytes(32)}

    for change in (
        set_iv,
        set_ciphertext,
        set_tag,
        set_claims,
        set_wrapped,
        set_encapsulated,
        set_encapsulated_curve,
        set_curve_to_zero,
    ):
        part = change.__name__.removeprefix("set_").replace("_", "-")
        about = f"Changed ({part}) and then signed by the kiosk: whole outside, but it does not open."
        yield record_case(f"resigned-{part}", about, Forge(in_encrypt=change).record(), "altered")
    yield record_case(
        "resigned-commitment",
        "The commitment is to another key than the one that is wrapped.",
        Forge(commits_to=fleet.seed("another content key")).record(),
        "bad-commitment",
    )
