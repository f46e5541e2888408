"""The fleet's signed documents, so that a newer one that came to one intake is in force at all."""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "r0002"
down_revision: Final = "r0001"

_TABLES: Final = """
SET LOCAL search_path = homeward;

CREATE TABLE documents (document text PRIMARY KEY, version bigint NOT NULL, content bytea NOT NULL);
CREATE TABLE parts (
    document text NOT NULL,
    version  bigint NOT NULL,
    part     integer NOT NULL,
    parts    integer NOT NULL,
    content  bytea NOT NULL,
    PRIMARY KEY (document, version, part)
);
GRANT SELECT, INSERT, UPDATE ON documents TO homeward_intake;
GRANT SELECT, INSERT, UPDATE, DELETE ON parts TO homeward_intake;
"""


def upgrade() -> None:
    """Make both tables."""
    op.execute(_TABLES)
