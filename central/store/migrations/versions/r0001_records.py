"""Records, quarantine, statuses; who may do what with them.

`records` is the ledger: one small row for every record, for ever. The sealed bytes stand apart, in a partition for each
day on which records end, so that all that ended on a day goes by dropping one table, while the rows stay as tombstones.
A partitioned table can promise uniqueness within a day alone: that is why the ledger, which promises it over all days,
is none.
"""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "r0001"
down_revision: Final = None

_TABLES: Final = """
SET LOCAL search_path = homeward;

CREATE TABLE records (
    number     bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    record_id  bytea PRIMARY KEY,
    kiosk      text COLLATE "C" NOT NULL,
    epoch      bytea NOT NULL,
    seq        bigint NOT NULL,
    previous   bytea NOT NULL,
    sha256     bytea NOT NULL,
    issued_at  bigint NOT NULL,
    arrived_at bigint NOT NULL,
    ends_at    bigint,
    day        date,      -- of ends_at, in UTC
    size       integer NOT NULL,
    withdraws  bytea,
    erased_at  bigint,
    because    text,
    withdrawal bytea,     -- signed: the record itself, or what a caseworker took it back with
    UNIQUE (kiosk, epoch, seq)
);
CREATE INDEX ON records (day) WHERE erased_at IS NULL;
CREATE TABLE sealed (
    day       date NOT NULL,
    record_id bytea NOT NULL,
    bytes     bytea NOT NULL,
    PRIMARY KEY (day, record_id)
) PARTITION BY LIST (day);
ALTER TABLE sealed ALTER bytes SET STORAGE EXTERNAL;  -- nobody can compress what is encrypted

CREATE TABLE recalled (   -- before it came
    kiosk      text COLLATE "C" NOT NULL,
    record_id  bytea NOT NULL,
    sha256     bytea NOT NULL,
    epoch      bytea NOT NULL,
    seq        bigint NOT NULL,
    at         bigint NOT NULL,
    withdrawal bytea,
    PRIMARY KEY (record_id, kiosk, sha256, epoch, seq)
);
CREATE TABLE quarantine (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256      bytea NOT NULL,
    topic       text NOT NULL,
    reason      text NOT NULL,
    explanation text NOT NULL,
    first_at    bigint NOT NULL,
    last_at     bigint NOT NULL,
    arrivals    bigint NOT NULL,
    ends_at     bigint NOT NULL,
    bytes       bytea NOT NULL,
    UNIQUE (sha256, topic)
);
CREATE TABLE statuses (
    kiosk   text COLLATE "C" PRIMARY KEY,
    online  boolean NOT NULL,
    at      bigint NOT NULL,
    doubt   text,
    message bytea NOT NULL
);
CREATE TABLE reaches (
    number      bigint GENERATED ALWAYS AS IDENTITY,
    kiosk       text COLLATE "C" NOT NULL,
    epoch       bytea NOT NULL,
    highest_seq bigint NOT NULL,
    PRIMARY KEY (kiosk, epoch)
);
CREATE TABLE floors (document text PRIMARY KEY, version bigint NOT NULL);
"""

# An intake makes the partitions that it needs, and can do nothing else to a table. A new table is attached instead of
# made in its place: that way it never waits for those who are writing, nor they for it.
_OPEN_DAY: Final = """
CREATE FUNCTION homeward.open_day(wanted date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = homeward, pg_temp AS $$
DECLARE
    partition text := 'sealed_' || to_char(wanted, 'YYYYMMDD');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('homeward.open_day'));
    IF to_regclass('homeward.' || partition) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE sealed INCLUDING ALL)', partition);
        EXECUTE format('ALTER TABLE sealed ATTACH PARTITION %I FOR VALUES IN (%L)', partition, wanted);
    END IF;
END $$;
REVOKE ALL ON FUNCTION homeward.open_day FROM PUBLIC;
"""

# Roles belong to the whole server, so they may be there from another database.
_ROLES: Final = """
DO $$
DECLARE wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['homeward_intake', 'homeward_desk'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
END $$;
GRANT USAGE ON SCHEMA homeward TO homeward_intake, homeward_desk;
GRANT SELECT ON ALL TABLES IN SCHEMA homeward TO homeward_intake;
GRANT SELECT ON homeward.alembic_version, homeward.records, homeward.sealed, homeward.recalled TO homeward_desk;
GRANT INSERT ON homeward.records, homeward.sealed, homeward.recalled TO homeward_intake;
GRANT UPDATE (erased_at, because, withdrawal) ON homeward.records TO homeward_intake;  -- of what is taken back
GRANT DELETE ON homeward.sealed TO homeward_intake;
GRANT INSERT, UPDATE, DELETE ON homeward.quarantine TO homeward_intake;
GRANT INSERT, UPDATE ON homeward.statuses, homeward.reaches, homeward.floors TO homeward_intake;
GRANT EXECUTE ON FUNCTION homeward.open_day TO homeward_intake;
"""


def upgrade() -> None:
    """Make it all."""
    op.execute(_TABLES)
    op.execute(_OPEN_DAY)
    op.execute(_ROLES)
