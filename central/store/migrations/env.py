"""What alembic runs: our steps, on the connection and in the transaction that `apply` lends it."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

connection = context.config.attributes["connection"]
connection.execute(text("CREATE SCHEMA IF NOT EXISTS homeward"))  # alembic notes its progress in there
context.configure(connection=connection, version_table_schema="homeward")
context.run_migrations()
