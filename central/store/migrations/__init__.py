"""PostgreSQL's schema, step by step, in plain SQL. `apply` is what `homeward-intake migrate` does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.pool import NullPool

from central.store.postgres import explained

if TYPE_CHECKING:
    from sqlalchemy import Connection

_HERE: Final = Path(__file__).parent


def head() -> str:
    """Name the newest step."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None
    return newest


def apply(owner: str) -> None:
    """Carry a database's schema up to the newest step, connected as its owner. Raises StoreError.

    All steps are one transaction: they are in force together, or not at all.
    """
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(owner), poolclass=NullPool
    )
    with explained():
        try:
            with engine.begin() as connection:
                command.upgrade(_config(connection), "head")
        except sqlalchemy.exc.DBAPIError as fault:
            raise fault.orig or fault from fault


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
