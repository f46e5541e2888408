import pytest

from central.desk import keyfile
from edge_agent.wire.bundle import Holder, Recipient
from edge_agent.wire.keys import RecipientPrivateKey
from provisioning.certificates import private_pem
from provisioning.throwaway import ThrowawayFleet
from tests.unit.central.desk import PASSPHRASE, Desk
from tests.unit.central.server import SETTINGS, Server
from tests.unit.central.world import Fleet


@pytest.fixture
def server(tmp_path):
    escrow = Recipient(name="escrow", holder=Holder.ESCROW, key=RecipientPrivateKey.generate().public_key.raw)
    fleet = ThrowawayFleet(tmp_path, [escrow], name="coast")
    made = Server(tmp_path / "intake", fleet.port)
    made.config.write_text(SETTINGS.format(port=fleet.port), encoding="utf-8")
    return made


@pytest.fixture
def fleet():
    made = Fleet()
    made.add("k1")
    return made


@pytest.fixture
def kept(server, fleet):
    """Three records of a kiosk, whose fleet the settings trust."""
    trust = fleet.write_trust(server.folder / "trust")
    text = server.config.read_text(encoding="utf-8").replace('root = "', 'root = "trust/')
    text = text.replace('"bundle.cose"', '"trust/bundle.cose"').replace('"registry.cose"', '"trust/registry.cose"')
    server.config.write_text(text, encoding="utf-8")
    (server.folder / "receipt.key").write_bytes(private_pem(fleet.receipts.private_key))
    assert trust.root.exists()
    k1 = fleet.kiosks["k1"]
    messages = [(k1.topic(), k1.next()) for _ in range(3)]
    server.keep(fleet, *messages)
    return [raw for _, raw in messages]


@pytest.fixture(scope="session")
def keys():
    """A caseworker's key, and the file that it lies in under the passphrase: that takes a while, so once."""
    key = RecipientPrivateKey.generate()
    return {"key": key, "file": keyfile.protect(key, "Amina", PASSPHRASE)}


@pytest.fixture
def desk(tmp_path, keys):
    return Desk(tmp_path, keys)
