"""A desk reads the fleet's registry and bundle where it reads the records."""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "r0004"
down_revision: Final = "r0003"


def upgrade() -> None:
    """Let desks read them."""
    op.execute("GRANT SELECT ON homeward.documents TO homeward_desk")
