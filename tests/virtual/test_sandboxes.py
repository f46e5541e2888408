"""From inside the kiosk's unit there is no network; from inside the courier's no camera, no GPIO, no signing key."""

from __future__ import annotations

import json

import pytest

from firmware.virtual.machine import BROKER
from tests.virtual.guest import do
from tests.virtual.probe import inside, outside

HOST, PORT = BROKER.split(":")

NETWORK = f"""
told["broker"] = trying(lambda: connect(("{HOST}", {PORT})))
told["names"] = trying(lambda: connect(("10.0.2.3", 53), kind=socket.SOCK_DGRAM))
told["own machine"] = trying(lambda: connect(("127.0.0.53", 53), kind=socket.SOCK_DGRAM))
told["packets"] = trying(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close())
told["interfaces"] = [line.partition(":")[0].strip() for line in open("/proc/self/net/dev") if ":" in line]
"""

DEVICES = """
for path in ("/dev/gpiochip0", "/dev/udmabuf", "/dev/vda", "/dev/mem"):
    told[path] = trying(lambda: os.close(os.open(path, os.O_RDWR)))
told["cameras"] = sorted(name for name in os.listdir("/dev") if name.startswith(("video", "media", "gpiochip")))
told["signing key"] = trying(lambda: open("/var/lib/homeward/kiosk/signing.key").close())
told["TLS key"] = trying(lambda: open("/var/lib/homeward/courier/tls.key").close())
"""


@pytest.mark.red_line(7)
def test_from_inside_the_kiosk_no_network_can_be_reached(kiosk):
    told = inside(kiosk.machine, "homeward-kiosk.service", NETWORK)
    assert {told[name] for name in ("broker", "names", "own machine", "packets")} <= {"PermissionError", "OSError"}
    assert told["interfaces"] == ["lo"]


def test_the_same_reaches_it_from_outside(kiosk):
    told = outside(kiosk.machine, NETWORK)
    assert told["names"] == told["own machine"] == told["packets"] == "done"


def test_the_firewall_lets_nobody_but_the_courier_reach_the_broker(kiosk):
    assert outside(kiosk.machine, NETWORK)["broker"] != "done"
    assert inside(kiosk.machine, "homeward-courier.service", NETWORK)["broker"] == "done"


FORBIDDEN = {"SOCK_STREAM": (22, 80, 443, 1883, 8884, 9001), "SOCK_DGRAM": (69, 443, 1900, 5353, 8883)}
ELSEWHERE = f"""
for kind, ports in {FORBIDDEN}.items():
    for port in ports:
        told[f"{{kind}} {{port}}"] = trying(lambda: connect(("10.0.2.2", port), kind=getattr(socket, kind)))
told["the broker, in the clear"] = trying(lambda: connect(("{HOST}", 1883)))
"""
# After all that the firewall says, and before the wire: packets to any port that isn't MQTT's, names', time's, DHCP's.
WITNESS = """
add table inet witness
add chain inet witness out { type filter hook postrouting priority 300; }
add rule inet witness out oifname != "lo" tcp dport != { 53, 8883 } counter comment "tcp"
add rule inet witness out oifname != "lo" udp dport != { 53, 67, 123, 547 } counter comment "udp"
"""


def left(kiosk) -> list[int]:
    """Count the packets that have left the machine for elsewhere, by TCP and by UDP."""
    listed = json.loads(do(kiosk, "/usr/sbin/nft", "-j", "list", "table", "inet", "witness"))["nftables"]
    rules = [entry["rule"]["expr"] for entry in listed if "rule" in entry]
    return [part["counter"]["packets"] for rule in rules for part in rule if "counter" in part]


def test_nothing_leaves_the_machine_but_mqtt_names_and_time_whoever_tries(kiosk):
    assert kiosk.machine.run("/usr/sbin/nft", "-f", "-", text=WITNESS).status == 0
    for unit in ("homeward-kiosk.service", "homeward-courier.service"):
        inside(kiosk.machine, unit, ELSEWHERE)
    outside(kiosk.machine, ELSEWHERE)
    assert left(kiosk) == [0, 0]

    do(kiosk, "/usr/bin/systemctl", "stop", "homeward-firewall.service")  # the witness would have seen them
    outside(kiosk.machine, ELSEWHERE)
    assert [count >= len(FORBIDDEN[kind]) for count, kind in zip(left(kiosk), FORBIDDEN, strict=True)] == [True, True]


def test_from_inside_the_courier_no_camera_and_no_gpio_can_be_opened_and_no_signing_key_read(kiosk):
    told = inside(kiosk.machine, "homeward-courier.service", DEVICES)
    for name in ("/dev/gpiochip0", "/dev/udmabuf", "/dev/vda", "/dev/mem", "signing key"):
        assert told[name] in {"PermissionError", "FileNotFoundError"}, name
    assert told["cameras"] == []
    assert told["TLS key"] == "done"


def test_from_inside_the_kiosk_they_can_but_not_the_couriers_key(kiosk):
    told = inside(kiosk.machine, "homeward-kiosk.service", DEVICES)
    assert told["/dev/gpiochip0"] == told["/dev/udmabuf"] == told["signing key"] == "done"
    for name in ("/dev/vda", "/dev/mem", "TLS key"):
        assert told[name] in {"PermissionError", "FileNotFoundError"}, name
