"""The vectors of what an intake says to one message after the other: duplicates, replays, withdrawals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from edge_agent.wire import documents, padding, sealing, withdrawal
from tests.vectors import fleet
from tests.vectors.case import Case
from tests.vectors.forge import Forge

if TYPE_CHECKING:
    from collections.abc import Iterator


def cases() -> Iterator[Case]:
    """What an intake says to one message after the other. Each of these is right in itself."""
    first = Forge().record()
    other_code = msgspec.structs.replace(fleet.REPORT, receipt_code="OTHER-0000")
    again = Forge(padded=padding.pad(documents.to_cbor(other_code))).record()
    second = fleet.sealed(claims=replace(fleet.CLAIMS, seq=5, record_id=fleet.seed("record 5")[:16]))
    back = _withdrawal(of=first)
    by_second = withdrawal.sign(
        msgspec.structs.replace(_content(of=first), kiosk="station-2"), fleet.SIGNERS["station-2"]
    )
    other_bytes = _withdrawal(of=again)
    other_place = _withdrawal(of=first, withdraws=msgspec.structs.replace(_named(first), seq=4))
    reused = _withdrawal(of=second)
    desk = withdrawal.sign_at_desk(
        msgspec.structs.replace(fleet.DESK_WITHDRAWAL, withdraws=_named(first)), fleet.SIGNERS["mei"]
    )
    for name, about, *arrivals in (
        ("duplicate", "The same record twice: the kiosk saw no receipt.", (first, "stored"), (first, "duplicate")),
        ("replay", "A second record under the first one's id.", (first, "stored"), (again, "replay")),
        ("withdrawn", "A record, and then its withdrawal.", (first, "stored"), (back, "stored", "erased")),
        (
            "withdrawn-sent-again",
            "A record that its kiosk sends again after it was taken back, and the withdrawal again.",
            (first, "stored"),
            (back, "stored", "erased"),
            (first, "erased"),
            (back, "duplicate", "erased"),
        ),
        (
            "withdrawn-before-it-came",
            "The withdrawal of a record that nobody here knows. Should it come, it is not kept.",
            (back, "stored", "not-held"),
            (first, "erased"),
            (back, "duplicate", "erased"),
        ),
        (
            "withdrawn-others-stay",
            "A withdrawal takes back one record, not the others of its kiosk.",
            (first, "stored"),
            (second, "stored"),
            (back, "stored", "erased"),
            (second, "duplicate"),
        ),
        (
            "withdrawn-by-another-kiosk",
            "Another kiosk takes the record back: refused, and the record stays.",
            (first, "stored"),
            (by_second, "wrong-signer"),
            (first, "duplicate"),
        ),
        (
            "withdrawn-unknown-by-another-kiosk",
            "Another kiosk took a record back that had not come yet: that bars no record of the right one.",
            (by_second, "stored", "not-held"),
            (first, "stored"),
        ),
        (
            "withdrawn-other-bytes",
            "A withdrawal that names the record's id with other bytes.",
            (first, "stored"),
            (other_bytes, "replay"),
            (first, "duplicate"),
        ),
        (
            "withdrawn-other-place",
            "A withdrawal that names the record's id and bytes with another place in the chain.",
            (first, "stored"),
            (other_place, "replay"),
            (first, "duplicate"),
        ),
        (
            "withdrawal-replayed",
            "A withdrawal's own id, used for another one.",
            (first, "stored"),
            (second, "stored"),
            (back, "stored", "erased"),
            (reused, "replay"),
            (second, "duplicate"),
        ),
        (
            "withdrawn-at-the-desk",
            "A caseworker takes the record back, for somebody who telephoned; then it comes again.",
            (first, "stored"),
            (desk, "erased"),
            (desk, "erased"),
            (first, "erased"),
        ),
        (
            "withdrawn-at-the-desk-before-it-came",
            "A caseworker takes a record back that this intake has not got yet.",
            (desk, "not-held"),
            (first, "erased"),
        ),
    ):
        needs = {"arrivals": [_arrival(*arrival) for arrival in arrivals]}
        yield Case(f"arrivals-{name}", about, "arrivals", None, needs=needs, schema=None)


def _named(record: bytes) -> withdrawal.Withdrawn:
    parsed = sealing.parse_record(record)
    claims = parsed.claims
    return withdrawal.Withdrawn(record_id=claims.record_id, sha256=parsed.sha256, epoch=claims.epoch, seq=claims.seq)


def _content(of: bytes, **changes: Any) -> withdrawal.Withdrawal:
    return msgspec.structs.replace(fleet.WITHDRAWAL, **({"withdraws": _named(of)} | changes))


def _withdrawal(of: bytes, **changes: Any) -> bytes:
    return withdrawal.sign(_content(of, **changes), fleet.SIGNERS["station-1"])


def _arrival(data: bytes, expect: str, withdrawn: str | None = None) -> dict[str, str]:
    return {"input": data.hex(), "expect": expect} | ({"withdrawn": withdrawn} if withdrawn else {})
