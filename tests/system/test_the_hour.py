"""THE HOUR: staff begin a fleet, bring a kiosk to life, look after it, lose it, and put another in its place.

Everything is real but the finger, the face and the camera: mosquitto, the intake, the kiosk's two processes, the CLI.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import shutil
import time
import tomllib
from pathlib import Path

import pytest
from cryptography import x509

from central.store.sqlite import open_reader
from edge_agent.wire.keys import RecipientPrivateKey
from provisioning.acts import enrolment as enrolling
from tests.support.waiting import PATIENCE_S, until
from tests.unit.provisioning.place import Place
from tests.unit.provisioning.world import OFFICE, ROOT

PHOTOGRAPH = Path(enrolling.__file__).parents[2] / "models" / "files" / "astronaut.png"
SEED = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
SESSION = [
    ("rest", []),
    ("language", ["en"]),
    ("who", ["self_adult"]),
    ("consent", ["yes"]),
    ("consent", ["yes"]),
    ("consent", ["no"]),
    ("framing", ["take"]),
    ("choosing", ["face-1", "stop"]),
    ("review", ["send"]),
    ("done", ["finish"]),
]
A_THIRD_IS_LEFT = dt.timedelta(minutes=20)  # of a life that began an hour ago


class Hour(Place):
    def switch_on(self, kiosk, *more):
        here = super().switch_on(kiosk, *more)
        self.furnish(here)
        return here

    def furnish(self, here):
        """Give a simulated kiosk its photograph, its person, and a notice on paper instead of recordings."""
        shutil.copy2(PHOTOGRAPH, here / "photograph.png")
        steps = [f'[[step]]\nstage = "{s}"\nchoose = {json.dumps(c)}\nafter_s = 0.2\n' for s, c in SESSION]
        (here / "script.toml").write_text("".join(steps), encoding="utf-8")
        paper = f'[printed_notice]\nid = "notice-1"\nsha256 = "{hashlib.sha256(b"a notice").hexdigest()}"'
        settings = (here / "kiosk.toml").read_text(encoding="utf-8")
        settings = settings.replace('[voice]\nfolder = "voices"', paper) + "\n[pace]\nhold_s = 0.4\n"
        settings += "\n[delivery]\nstatus_every_s = 1.0\n"
        (here / "kiosk.toml").write_text(settings, encoding="utf-8")

    def enrolled(self, kiosk, courier):
        words = kiosk.wait_for("six_words", timeout=PATIENCE_S)["words"]
        self.ok("enrol", "--words", words, *self.office)
        for program in (kiosk, courier):
            program.wait_for("enrolled", timeout=PATIENCE_S)

    def fleet_says(self, kiosk):
        said = self.ok("list", "--ask", "--json", *self.office)
        rows = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        return next(row for row in rows if row["kiosk"] == kiosk)

    def kept(self):
        with open_reader(self.folder / "intake" / "store.sqlite") as store:
            return {record.record_id.hex(): record.kiosk for record in store.records()}


def report(kiosk, courier, number=1):
    """Wait for a report of a whole session, and its receipt; return the record's id."""
    sealed = until(lambda: [line for line in kiosk.said if line["event"] == "sealed"][number - 1 :], "a report")[0]
    courier.wait_for("receipted", record=sealed["record"], timeout=PATIENCE_S)
    return sealed["record"]


def runs(row, orders):
    seen = row["seen"] or {}
    return row if seen.get("online") and seen.get("orders_version") == orders else None


def ends(folder):
    return x509.load_pem_x509_certificate((folder / "courier" / "tls.pem").read_bytes()).not_valid_after_utc


@pytest.mark.red_line(8)
@pytest.mark.timeout(900)
def test_the_hour(tmp_path, monkeypatch):
    place = Hour(tmp_path)  # init, its paper read back, the broker's and the intake's folders
    here = place.switch_on("kiosk-1")
    stolen_card = tmp_path / "stolen-card"
    shutil.copytree(here, stolen_card)
    place.copy("broker", "acl")
    with place.mosquitto(), place.intake() as intake:
        intake.wait_for("ready", timeout=PATIENCE_S)
        place.ok("broker", "check", *place.office)
        with place.kiosk("kiosk-1") as kiosk, place.courier("kiosk-1") as courier:
            # Six words, approval; a real report
            monkeypatch.setattr(enrolling, "DEVICE_LIFETIME", A_THIRD_IS_LEFT)
            place.enrolled(kiosk, courier)
            monkeypatch.undo()
            first = report(kiosk, courier)
            until(lambda: place.kept().get(first) == "kiosk-1", "the report at the intake")

            assert_no_secret_is_in_the_open(tmp_path, stolen_card, (kiosk, courier, intake))

            # Renewal: tried on a connection before the old key goes
            before = ends(here)
            courier.wait_for("renewal_due", timeout=PATIENCE_S)
            until((here / "shared" / "renewal-request").exists, "the kiosk's signature")
            with place.front_desk() as desk:
                until(lambda: desk.tend(0.1) or desk.renewed, "a renewal at the office")
            courier.wait_for("renewed", timeout=PATIENCE_S)
            assert ends(here) > before + dt.timedelta(days=80)
            assert not list((here / "courier").glob("*.next"))

            # Orders: shown as a difference, sent, in force, reported
            said = place.ok("order", "kiosk-1", "--set", "site.name=West hall", "--yes", *place.office)
            assert "+ site.name = West hall" in said
            for program in (kiosk, courier):
                program.wait_for("orders_in_force", version=1, timeout=PATIENCE_S)
            row = until(lambda: runs(place.fleet_says("kiosk-1"), orders=1), "what it runs, online again")
            assert set(row["needs"]) <= {"its clock was never set"}  # true of many computers that run tests
            second = report(kiosk, courier, number=2)
            assert second != first

            # Stolen: the live session is closed, and nothing gets in again
            stolen = tmp_path / "stolen"
            shutil.copytree(here, stolen)
            said = place.ok("revoke", "kiosk-1", "--confirm", "kiosk-1", *place.office)
            revoked_at = time.monotonic()
            assert said.count("NOT YET") == 0, said
            until(lambda: any(line["event"] in {"not_connected", "wiped"} for line in courier.said), "its end")
            assert time.monotonic() - revoked_at < 5, "a live session outlived its revocation"
            for program in (kiosk, courier):
                program.wait_for("wiped", erased=True, timeout=PATIENCE_S)
            assert not list(here.rglob("*.key"))

        # A successor at the same site
        place.ok("replace", "kiosk-1", "kiosk-2", "--out", tmp_path / "kiosk-2", *place.office)
        there = tmp_path / "kiosk-2"
        for name in ("shared", "kiosk", "courier"):
            (there / name).mkdir(exist_ok=True)
        place.furnish(there)
        with place.kiosk("kiosk-2") as kiosk, place.courier("kiosk-2") as courier:
            place.enrolled(kiosk, courier)
            third = report(kiosk, courier)
            until(lambda: place.kept().get(third) == "kiosk-2", "the successor's report at the intake")

        # What a thief has: a copy of the card, and a copy of the whole kiosk from before it was wiped
        with place.courier("stolen") as courier:
            courier.wait_for("not_connected", timeout=PATIENCE_S)
            assert not any(line["event"] in {"connected", "acknowledged"} for line in courier.said), courier.said
        with place.kiosk("stolen-card"), place.courier("stolen-card") as courier, place.front_desk() as desk:
            courier.wait_for("not_connected", timeout=PATIENCE_S)
            desk.tend(0.1)
            assert not desk.pending
    assert set(place.kept().values()) == {"kiosk-1", "kiosk-2"}
    recipients = {key.kid for key in place.state().trusted.recipients}
    for folder in (stolen, stolen_card):
        assert not opens(folder, recipients), "a stolen kiosk opens reports"


def assert_no_secret_is_in_the_open(folder, card, programs):
    """Look into what programs say, their arguments, their environment, and every file that others can read."""
    claim = tomllib.loads((card / "courier" / "first-boot.toml").read_text(encoding="utf-8"))["claim"]
    secrets = [OFFICE.encode(), ROOT.encode(), claim["secret"].encode(), b"PRIVATE KEY"]
    keys = [path.read_bytes() for path in folder.rglob("*.key") if b"PRIVATE KEY" in path.read_bytes()]
    lines = [[line for line in key.splitlines() if b"-----" not in line] for key in keys]
    secrets += [line for key in lines for line in key[:-1] or key]  # the last one is of the public half (RFC 5915)
    assert len(keys) >= 5
    places = {f"{p.name}'s words": json.dumps(p.said).encode() for p in programs}
    for program in programs:
        for name in ("cmdline", "environ"):
            places[f"{program.name}'s {name}"] = Path(f"/proc/{program.pid}/{name}").read_bytes()
    open_to_others = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o044]
    places |= {str(path): path.read_bytes() for path in open_to_others}
    assert len(open_to_others) > 10
    for where, content in places.items():
        for secret in secrets:
            assert secret not in content, where


def opens(folder, recipients):
    """Try whatever in a folder could be the seed of a recipient's key: 32 bytes, as they are or in hexadecimal."""
    found = []
    for path in (path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        seeds = [
            bytes.fromhex(text.decode()) for text in re.findall(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", content)
        ]
        seeds += [content] if len(content) == 32 else []
        found += [path for seed in seeds if RecipientPrivateKey(seed).public_key.kid in recipients]
    return found


@pytest.mark.red_line(8)
def test_the_search_above_would_find_a_key_that_opens(tmp_path):
    key = RecipientPrivateKey.generate()
    (tmp_path / "forgotten.txt").write_text(f"key: {key.raw.hex()}\n", encoding="ascii")
    assert opens(tmp_path, {key.public_key.kid})
    assert not opens(tmp_path, {RecipientPrivateKey.generate().public_key.kid})
