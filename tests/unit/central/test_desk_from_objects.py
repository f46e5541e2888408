"""A desk lists and opens records whose bytes are in object storage, by settings like the intake's."""

import json

import pytest
from typer.testing import CliRunner

from central.desk.cli import app
from central.intake.core import judge
from central.store.objects import Objects
from central.store.postgres_writer import open_store
from edge_agent.wire.records import parse
from edge_agent.wire.roll import What
from tests.support.postgres import DESK, INTAKE, Postgres
from tests.support.s3 import Storage
from tests.unit.central.desk import Desk
from tests.unit.central.world import IMAGE, NOW, seal_report


class Elsewhere(Desk):
    """A desk whose records are in PostgreSQL and a bucket."""

    def __init__(self, folder, keys, server, bucket):
        super().__init__(folder, keys)
        database = server.database()
        self.conninfo = server.conninfo(database, DESK)
        self.writing = server.conninfo(database, INTAKE), Objects(bucket)
        self.store = folder / "store.toml"
        self.store.write_text(
            f'[store]\npostgresql = "{self.conninfo}"\n\n[store.objects]\nendpoint = "{bucket.endpoint}"\n'
            f'bucket = "{bucket.name}"\ncredentials = "{bucket.credentials.name}"\n',
            encoding="utf-8",
        )

    def keep(self, raw):
        conninfo, objects = self.writing
        with open_store(conninfo, objects=objects) as store:
            fates = store.commit([judge(self.kiosk.topic(), raw, self.fleet.registry())], NOW).result()
        assert fates == ["stored"]
        return parse(raw).claims.record_id.hex()


@pytest.fixture(scope="module")
def server():
    with Postgres(careful=False) as running:
        yield running


@pytest.fixture
def desk(tmp_path, keys, server):
    with Storage() as storage:
        yield Elsewhere(tmp_path, keys, server, storage.bucket(tmp_path))


def test_a_record_is_listed_and_opened_from_object_storage(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    listed = CliRunner().invoke(app, ["list", "--json", "--store", str(desk.store)])
    assert [json.loads(line)["record_id"] for line in listed.stdout.splitlines()] == [record_id]
    assert desk.open_stored(record_id).exit_code == 0
    assert (desk.out / f"{record_id}.jpg").read_bytes() == IMAGE


def test_a_desk_takes_the_registry_from_the_database_with_its_own_role(desk):
    desk.kiosk = desk.fleet.add("k2")
    record_id = desk.keep(seal_report(desk.kiosk))
    assert desk.open_stored(record_id).exit_code == 1
    conninfo, objects = desk.writing
    with open_store(conninfo, objects=objects) as store:
        store.share(What.REGISTRY, 2, desk.fleet.signed_registry(2))
    assert desk.open_stored(record_id).exit_code == 0


def test_without_the_storages_settings_the_next_step_is_said(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    desk.store = desk.conninfo
    refused = desk.open_stored(record_id)
    assert refused.exit_code == 1
    assert "NAME.toml" in refused.stderr
    assert desk.left_behind() == []


def test_settings_that_are_none_are_explained(desk):
    desk.store.write_text('[store]\nsqllite = "x"\n', encoding="utf-8")
    refused = CliRunner().invoke(app, ["list", "--store", str(desk.store)])
    assert refused.exit_code == 1
    assert "Did you mean 'sqlite'?" in refused.stderr
