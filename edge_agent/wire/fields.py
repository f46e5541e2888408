"""What several documents have in them: texts, times, hashes, ids, who answers for the data; and a record's sizes.

Whoever only carries records, and sees none from inside, needs no more of them than this.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from edge_agent.wire.documents import Document

MAX_RECORD_BYTES: Final = 128 * 1024
MAX_RECIPIENTS: Final = 16
HASH_BYTES: Final = 32
ID_BYTES: Final = 16
FIRST_IN_CHAIN: Final = bytes(HASH_BYTES)

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Language = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
Sha256 = Annotated[bytes, msgspec.Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
RecordId = Annotated[bytes, msgspec.Meta(min_length=ID_BYTES, max_length=ID_BYTES)]


class ClockQuality(StrEnum):
    """How far the kiosk's wall clock can be believed."""

    SYNCHRONISED = "synchronised"
    HOLDOVER = "holdover"  # was synchronised since the boot, isn't now
    UNSET = "unset"


class Controller(Document, frozen=True, kw_only=True, rename={"name": "dct:title", "contact": "dpv:hasContact"}):
    """The organisation that answers for the data."""

    name: Text
    contact: Text
