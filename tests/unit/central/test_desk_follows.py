"""A desk takes the newest registry from the store that it reads, verified and never an older one."""

import pytest
from typer.testing import CliRunner

from central.desk.cli import app
from central.store.sqlite_writer import open_store
from central.trust import load
from edge_agent.wire.roll import What
from tests.unit.central.world import Fleet, seal_report


def share(desk, what, version, whole):
    """Leave a document in the store, as an intake does."""
    with open_store(desk.store) as store:
        store.share(what, version, whole)


def a_kiosk_that_came_later(desk):
    """Keep a report of a kiosk that the desk's own registry lacks; return its id and the registry that has it."""
    desk.kiosk = desk.fleet.add("k2")
    record_id = desk.keep(seal_report(desk.kiosk))
    return record_id, desk.fleet.signed_registry(2)


def test_a_report_of_a_kiosk_that_came_later_opens_once_an_intake_has_left_its_registry_in_the_store(desk):
    record_id, registry = a_kiosk_that_came_later(desk)
    refused = desk.open_stored(record_id)
    assert refused.exit_code == 1
    share(desk, What.REGISTRY, 2, registry)
    assert desk.open_stored(record_id).exit_code == 0
    assert desk.trust.registry.read_bytes() == registry


def test_the_roots_key_alone_is_enough_where_the_store_has_the_rest(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    share(desk, What.BUNDLE, 1, desk.trust.bundle.read_bytes())
    share(desk, What.REGISTRY, 1, desk.trust.registry.read_bytes())
    desk.trust.bundle.unlink()
    desk.trust.registry.unlink()
    assert desk.open_stored(record_id).exit_code == 0


@pytest.mark.parametrize("missing", ["bundle", "registry"])
def test_what_is_neither_at_hand_nor_in_the_store_is_named_with_what_to_do(desk, missing):
    record_id = desk.keep(seal_report(desk.kiosk))
    getattr(desk.trust, missing).unlink()
    refused = desk.open_stored(record_id)
    assert refused.exit_code == 1
    assert f"{missing}.cose is not there" in refused.stderr
    assert "let an intake run on that store" in refused.stderr
    assert desk.left_behind() == []


def test_an_older_registry_in_the_store_changes_nothing(desk):
    older = desk.fleet.signed_registry(1)
    desk.fleet.write_registry(desk.trust, 3)
    record_id = desk.keep(seal_report(desk.kiosk))
    share(desk, What.REGISTRY, 1, older)
    assert desk.open_stored(record_id).exit_code == 0
    assert load(desk.trust).registry.version == 3


def test_a_version_that_only_the_store_calls_newer_is_not_taken_up_and_the_desk_says_so(desk):
    desk.fleet.write_registry(desk.trust, 3)
    record_id = desk.keep(seal_report(desk.kiosk))
    share(desk, What.REGISTRY, 9, desk.fleet.signed_registry(2))
    opened = desk.open_stored(record_id)
    assert opened.exit_code == 0
    assert "was not taken up" in opened.stderr
    assert load(desk.trust).registry.version == 3


def test_another_fleets_registry_in_the_store_is_not_taken_up_and_the_desk_says_so(desk):
    record_id = desk.keep(seal_report(desk.kiosk))
    stranger = Fleet()
    stranger.add("k1")
    share(desk, What.REGISTRY, 9, stranger.signed_registry(9))
    before = desk.trust.registry.read_bytes()
    opened = desk.open_stored(record_id)
    assert opened.exit_code == 0
    assert "was not taken up" in opened.stderr
    assert desk.trust.registry.read_bytes() == before


def test_a_sealed_file_is_held_against_the_registry_at_hand_alone(desk):
    _, registry = a_kiosk_that_came_later(desk)
    share(desk, What.REGISTRY, 2, registry)
    file = desk.folder / "sealed.bin"
    file.write_bytes(seal_report(desk.kiosk))
    assert desk.open("--file", str(file)).exit_code == 1


def test_every_command_that_trusts_says_in_its_help_where_newer_ones_come_from():
    for command in ("open", "withdraw"):
        helped = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout
        assert "left there are verified" in " ".join(helped.split())
