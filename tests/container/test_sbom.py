"""The bill of materials names what is installed: all of it, each with its version, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from edge_agent.vision import manifest
from firmware import sbom
from firmware.sbom.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.container.conftest import Installed

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def bill(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    out = tmp_path_factory.mktemp("sbom") / "kiosk.cdx.json"
    assert main(["--root", str(installed.system.root), "--out", str(out)]) == 0
    again = out.with_name("again.json")
    sbom.write(installed.system.root, again)
    assert again.read_bytes() == out.read_bytes()
    made = json.loads(out.read_text(encoding="utf-8"))
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    return made["components"]


def of_kind(bill: list[dict[str, str]], kind: str) -> dict[str, str]:
    return {part["name"]: part["version"] for part in bill if part.get("purl", "").startswith(f"pkg:{kind}/")}


def test_every_package_of_debian_is_named_as_dpkg_has_it(bill, installed):
    said = installed.system.run("dpkg-query", "-W", "-f", "${Package} ${Version}\\n").splitlines()
    assert of_kind(bill, "deb") == dict(line.split() for line in said)


def test_every_package_of_python_is_named_as_the_agent_imports_it(bill, installed):
    ask = "import importlib.metadata as m, sys; [print(d.name, d.version) for d in m.distributions(path=[sys.argv[1]])]"
    place = installed.system.run("sh", "-c", "echo /opt/homeward/lib/python3*/site-packages").strip()
    said = installed.system.run("/opt/homeward/bin/python", "-c", ask, place).splitlines()
    found = of_kind(bill, "pypi")
    assert found == dict(line.split() for line in said)
    assert {"cryptography", "msgspec", "paho-mqtt", "gpiozero"} <= {name.lower().replace("_", "-") for name in found}


def test_the_models_are_named_with_the_hash_that_the_manifest_pins(bill):
    found = {part["hashes"][0]["content"] for part in bill if part["type"] == "machine-learning-model"}
    assert found == {file.sha256 for file in manifest.load().facts.files.values() if file.name.endswith(".tflite")}


def test_a_tree_that_is_no_kiosk_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--root", str(tmp_path), "--out", str(tmp_path / "out.json")]) == 1
    assert "no dpkg records" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()
