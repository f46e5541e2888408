"""A caseworker's computer, worked by the command line alone."""

from typer.testing import CliRunner

from central.desk.cli import app
from central.intake.core import judge
from central.store.sqlite_writer import open_store
from edge_agent.wire.records import parse
from tests.unit.central.world import NOW, Fleet

PASSPHRASE = "four random words here"
SECRETS = ("The station", "ABCD-EFGH", "pixels of a face", PASSPHRASE)


class Desk:
    """A caseworker's computer: a key, the fleet's trust, a copy of the store."""

    def __init__(self, folder, keys):
        self.folder = folder
        self.fleet = Fleet(caseworker=keys["key"])
        self.kiosk = self.fleet.add("k1")
        self.trust = self.fleet.write_trust(folder / "trust")
        self.store, self.out = folder / "store", folder / "out"
        self.key, self.passphrase = folder / "amina.key", folder / "passphrase"
        self.key.write_bytes(keys["file"])
        self.passphrase.write_text(PASSPHRASE + "\n", encoding="utf-8")
        for private in (self.key, self.passphrase):
            private.chmod(0o600)

    def keep(self, *records, at=NOW, fates=("stored",)):
        """Store records as the intake does; return the id of the last in hexadecimal."""
        entries = [judge(self.kiosk.topic(), raw, self.fleet.registry()) for raw in records]
        with open_store(self.store) as store:
            assert set(store.commit(entries, at).result()) == set(fates)
        return parse(records[-1]).claims.record_id.hex()

    def open(self, *words, key=None, entered=None):
        """Run `homeward-desk open`, with a passphrase file unless something is entered at the prompt."""
        secret = [] if entered is not None else ["--passphrase-file", str(self.passphrase)]
        given = ["--key", str(key or self.key), "--trust", str(self.trust.root.parent), "--out", str(self.out)]
        return CliRunner().invoke(app, ["open", *given, *secret, *words], input=entered)

    def open_stored(self, record_id, *words, **other):
        return self.open(record_id, "--store", str(self.store), *words, **other)

    def left_behind(self):
        return sorted(path.name for path in self.out.rglob("*")) if self.out.exists() else []
