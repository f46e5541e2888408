"""The root on paper: SLIP-39 sheets of words, whole on one sheet or split so that some of the holders suffice.

SLIP-39 (https://github.com/satoshilabs/slips/blob/master/slip-0039.md) has what paper needs: words that differ in their
first four letters, a checksum of three words on each sheet, and Shamir's scheme. Its own passphrase is left empty: a
sheet, or enough of them, is the root, and is kept where nobody goes alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import shamir_mnemonic

from edge_agent.errors import KeyFileError, LocalError
from provisioning.languages import phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

PROVEN_WORDS: Final = 4  # of each sheet: its checksum and a word of the secret
_SPLIT: Final = re.compile(r"([1-9][0-9]?)of([1-9][0-9]?)")
_MOST_SHEETS: Final = 16  # SLIP-39's


@dataclass(frozen=True, slots=True)
class Split:
    """How many sheets there are, and how many suffice."""

    needed: int = 1
    sheets: int = 1

    @classmethod
    def parse(cls, text: str) -> Split:
        """Read `2of3`. Raises LocalError."""
        found = _SPLIT.fullmatch(text)
        split = cls(int(found[1]), int(found[2])) if found else cls(0, 0)
        alone = (split.needed, split.sheets) == (1, 1)
        if not alone and not 1 < split.needed <= split.sheets <= _MOST_SHEETS:
            raise LocalError(
                phrase("{text} is no way to split the root", text=repr(text)),
                next_step=phrase("Write 2of3: three sheets of which two suffice; or 1of1: one sheet."),
            )
        return split

    @property
    def name(self) -> str:
        """The split as `parse` reads it."""
        return f"{self.needed}of{self.sheets}"


def sheets(secret: bytes, split: Split) -> list[str]:
    """Write a key's 32 bytes as sheets of 33 words."""
    made: list[list[str]] = shamir_mnemonic.generate_mnemonics(1, [(split.needed, split.sheets)], secret)
    return made[0]


def combine(read: Sequence[str]) -> bytes:
    """Put enough sheets together again. Raises KeyFileError for a slip, too few of them, or sheets of two keys."""
    try:
        secret: bytes = shamir_mnemonic.combine_mnemonics([normal(words) for words in read])
    except shamir_mnemonic.MnemonicError as fault:
        raise KeyFileError(
            phrase("these words don't give the root: {why}", why=fault),
            next_step=phrase("Compare each word with the paper, and each sheet."),
        ) from fault
    return secret


def normal(words: str) -> str:
    """Give words as SLIP-39 wants them, whatever numbers, lines and capitals they were copied with."""
    return " ".join(re.findall(r"[a-z]+", words.lower()))


def grouped(words: str) -> list[str]:
    """Give a sheet's words in numbered lines of four, to be printed and read aloud."""
    each = words.split()
    return [f"{start + 1:>2}  " + "  ".join(each[start : start + 4]) for start in range(0, len(each), 4)]
