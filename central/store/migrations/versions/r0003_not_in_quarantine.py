"""What bytes in quarantine say they are, and by what hash erased bytes are known whoever brings them.

What was there before has neither: it goes by its hash alone, and within 90 days by itself.
"""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "r0003"
down_revision: Final = "r0002"

_COLUMNS: Final = """
SET LOCAL search_path = homeward;

ALTER TABLE quarantine ADD kiosk text COLLATE "C", ADD record_id bytea;
CREATE INDEX ON quarantine (kiosk, record_id);
CREATE INDEX ON recalled (sha256);
CREATE INDEX ON records USING hash (sha256) WHERE because IS NOT NULL;
"""


def upgrade() -> None:
    """Add both columns and what finds them."""
    op.execute(_COLUMNS)
