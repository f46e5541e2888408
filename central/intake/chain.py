"""What a kiosk's chain of records proves: that nothing is missing, exchanged or told twice. Pure.

Each record carries its number in an epoch (one life of the kiosk's outbox) and the hash of the record before it; the
kiosk's signed health says how far it has come. See docs/wire-format.md.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.wire.fields import FIRST_IN_CHAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from central.store.port import Link


@dataclass(frozen=True, slots=True)
class Missing:
    """Numbers that the kiosk gave out and that are not here: `first` to `last`, both included.

    `since` is when the one before them arrived, in seconds since 1970; None when there is none, or it never came.
    """

    epoch: bytes
    first: int
    last: int
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """A record whose hash of the one before is not that record's hash: one of the two is not what it was."""

    epoch: bytes
    seq: int


@dataclass(frozen=True, slots=True)
class Forked:
    """A place that the kiosk's key has signed more than once: a copied key, or an outbox brought back from a copy."""

    epoch: bytes
    seq: int


Finding = Missing | Broken | Forked


def examine(links: Sequence[Link], reach: Mapping[bytes, int], refused: Iterable[Link] = ()) -> list[Finding]:
    """Examine one kiosk's chain, epoch by epoch in the order of their first record.

    `links` are the records that are kept, `reach` the highest number by epoch that its signed health names, `refused`
    the records in quarantine whose signature held, but whose place was taken.
    """
    epochs = dict.fromkeys([link.epoch for link in links] + list(reach))
    findings: list[Finding] = []
    for epoch in epochs:
        kept = {link.seq: link for link in links if link.epoch == epoch}
        findings += _missing(epoch, kept, reach.get(epoch, 0))
        findings += _broken(epoch, kept)
        forks = {link.seq for link in refused if link.epoch == epoch and _differs(kept.get(link.seq), link)}
        findings += [Forked(epoch, seq) for seq in sorted(forks)]
    return findings


def holes(first: int, last: int, here: Sequence[int]) -> list[tuple[int, int]]:
    """Give the numbers from `first` to `last` that are not `here`, which is in order, as ranges with both ends."""
    ends = [first - 1, *here, last + 1]
    return [(before + 1, after - 1) for before, after in itertools.pairwise(ends) if after - before > 1]


def _missing(epoch: bytes, kept: Mapping[int, Link], reach: int) -> list[Missing]:
    here = sorted(kept)
    return [
        Missing(epoch, first, last, kept[first - 1].arrived_at if first > 1 else None)
        for first, last in holes(1, max(reach, here[-1] if here else 0), here)
    ]


def _broken(epoch: bytes, kept: Mapping[int, Link]) -> list[Broken]:
    return [Broken(epoch, seq) for seq in sorted(kept) if not _follows(kept[seq], kept.get(seq - 1))]


def _follows(link: Link, before: Link | None) -> bool:
    """Whether a record names the one before it rightly; nobody can say while that one is missing.

    Nor of a record that was taken back before it came: it holds its number, and nobody has seen what it named.
    """
    if link.previous is None:
        return True
    if link.seq == 1:
        return link.previous == FIRST_IN_CHAIN
    return before is None or link.previous == before.sha256


def _differs(kept: Link | None, other: Link) -> bool:
    return kept is not None and kept.sha256 != other.sha256
