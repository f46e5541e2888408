"""What the courier doesn't carry while it waits."""

from __future__ import annotations

import os
import subprocess
import sys

LOADED = "import sys; print([name for name in {names} if name in sys.modules])"
HTTP_CLIENT = ["http.client", "urllib.request"]
COMPRESSORS = ["bz2", "lzma", "shutil"]


def says(code, *places):
    """Run code in a process of its own, with more places for modules; give what it says."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*places, *sys.path])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def loaded(code, names, *places):
    return says(f"{code}; {LOADED.format(names=names)}", *places)


def test_the_courier_carries_no_http_client():
    assert loaded("import edge_agent.courier", HTTP_CLIENT) == "[]"


def test_with_a_library_for_proxies_it_has_what_finds_the_proxy(tmp_path):
    (tmp_path / "socks.py").touch()
    assert loaded("import edge_agent.courier", HTTP_CLIENT, str(tmp_path)) == str(HTTP_CLIENT)


def test_whoever_wants_an_http_client_afterwards_gets_a_whole_one():
    assert says("import edge_agent.mqtt, urllib.request as r; print(r.Request('http://localhost').host)") == "localhost"


def test_a_command_line_brings_the_courier_no_compressors(tmp_path):
    code = f"from edge_agent.courier import main; main(['run', '--config', '{tmp_path}/missing.toml'])"
    assert loaded(code, COMPRESSORS) == "[]"


def test_the_test_above_would_see_them():
    assert loaded("import argparse; argparse.ArgumentParser()", COMPRESSORS) == str(COMPRESSORS)
