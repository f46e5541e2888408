"""Settings for a cluster of RabbitMQ 4: MQTT 5 over TLS 1.3, a user for each certificate, quorum queues.

Everybody logs in by certificate: no user here has a password, and AMQP, management and plain MQTT stay shut. An intake
reads through its own MQTT session, whose queue is a quorum queue; a policy bounds it and keeps what could not be
delivered. A queue that nobody reads is not declared: with reject-publish it would fill up and stop the whole fleet.

Ids are `[a-z0-9-]` and safe in a regular expression. RabbitMQ writes `/` of a topic as `.`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge_agent.wire.topics import Address, Channel, Desk, Door, check_id, desk, door, every_door, of_every_kiosk
from provisioning.fleet import CHECKED, CHECKER, OFFICE
from provisioning.mosquitto import MAX_PACKET_BYTES, SESSION_DAYS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PLUGINS: Final = "[rabbitmq_mqtt,rabbitmq_auth_mechanism_ssl].\n"
_VHOST: Final = "/"
_EXCHANGE: Final = "amq.topic"
_UNDELIVERED: Final = "homeward-undelivered"
_QUEUE_BYTES: Final = 20 * 1024 * 1024 * 1024  # six hours of 10,000 kiosks; past it kiosks keep what they have
_DELIVERIES: Final = 20  # then a message goes aside; by default it would vanish
_NOTHING: Final = "^$"


def settings(nodes: Sequence[str], installed_at: Path, port: int) -> str:
    """Write rabbitmq.conf for the cluster of `nodes` (rabbit@host), whose files lie in `installed_at` on each."""
    lines = [
        "listeners.tcp = none",
        "listeners.ssl = none",
        "mqtt.listeners.tcp = none",
        f"mqtt.listeners.ssl.default = {port}",
        f"ssl_options.cacertfile = {installed_at / 'ca.pem'}",
        f"ssl_options.certfile = {installed_at / 'server.pem'}",
        f"ssl_options.keyfile = {installed_at / 'server.key'}",
        "ssl_options.versions.1 = tlsv1.3",
        "ssl_options.verify = verify_peer",
        "ssl_options.fail_if_no_peer_cert = true",
        "ssl_options.depth = 1",
        "ssl_cert_login_from = common_name",
        "mqtt.ssl_cert_login = true",
        "mqtt.ssl_cert_client_id_from = subject_alternative_name",
        "mqtt.ssl_cert_login_san_type = dns",
        "mqtt.allow_anonymous = false",
        f"mqtt.vhost = {_VHOST}",
        f"mqtt.exchange = {_EXCHANGE}",
        "mqtt.prefetch = 100",
        "mqtt.durable_queue_type = quorum",
        f"mqtt.max_session_expiry_interval_seconds = {SESSION_DAYS * 86_400}",
        f"mqtt.max_packet_size_authenticated = {MAX_PACKET_BYTES}",
        f"definitions.local.path = {installed_at / 'definitions.json'}",
        "definitions.import_backend = local_filesystem",
        "cluster_partition_handling = pause_minority",
        "cluster_formation.peer_discovery_backend = classic_config",
        *(f"cluster_formation.classic_config.nodes.{number} = {node}" for number, node in enumerate(nodes, 1)),
        "disk_free_limit.absolute = 2GB",
        "log.file.level = warning",
    ]
    return "\n".join(lines) + "\n"


def definitions(
    fleet: str, intakes: Sequence[str], kiosks: Sequence[str], claims: Sequence[str], shut_out: Sequence[str]
) -> str:
    """Write definitions.json: users, what each may do, and the policy of the intakes' queues.

    `shut_out` stay as users who may do nothing: importing definitions takes nobody away.
    """
    users: dict[str, tuple[str, str]] = {}  # name: topics to write, topics to read
    for kiosk in [*kiosks, CHECKER, CHECKED]:
        at = Address(fleet, kiosk)
        users[kiosk] = (
            _topics(at.topic(Channel.RECORDS), at.topic(Channel.STATUS), door(fleet, kiosk, Door.REQUEST)),
            _topics(at.topic(Channel.RECEIPTS), at.topic(Channel.ORDERS), door(fleet, kiosk, Door.REPLY)),
        )
    for claim in claims:
        users[claim] = (_topics(door(fleet, claim, Door.REQUEST)), _topics(door(fleet, claim, Door.REPLY)))
    users[OFFICE] = (
        _topics(
            every_door(fleet, Door.REPLY),
            of_every_kiosk(fleet, Channel.ORDERS),
            desk(fleet, Desk.ASK),
            desk(fleet, Desk.TRUST),
        ),
        _topics(every_door(fleet, Door.REQUEST), desk(fleet, Desk.ROLL)),
    )
    for intake in intakes:
        users[check_id(intake)] = (
            _topics(of_every_kiosk(fleet, Channel.RECEIPTS), desk(fleet, Desk.ROLL)),
            _topics(
                of_every_kiosk(fleet, Channel.RECORDS),
                of_every_kiosk(fleet, Channel.STATUS),
                desk(fleet, Desk.ASK),
                desk(fleet, Desk.TRUST),
            ),
        )
    for name in shut_out:
        users[check_id(name)] = (_NOTHING, _NOTHING)
    content = {
        "vhosts": [{"name": _VHOST}],
        "users": [_user(name) for name in users],
        "permissions": [_permission(name, shut=topics[0] == _NOTHING) for name, topics in users.items()],
        "topic_permissions": [
            {"user": name, "vhost": _VHOST, "exchange": _EXCHANGE, "write": write, "read": read}
            for name, (write, read) in users.items()
        ],
        "queues": [_quorum_queue(_UNDELIVERED)],
        "policies": [_policy(intakes)] if intakes else [],
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"


def _topics(*names: str) -> str:
    """Write a regular expression of MQTT topics as AMQP routing keys; `+` is one level of ids."""
    keys = [re.escape(name.replace("/", ".")).replace(r"\+", "[a-z0-9-]+").replace(r"\-", "-") for name in names]
    return f"^({'|'.join(keys)})$"


def _user(name: str) -> dict[str, Any]:
    return {"name": name, "password_hash": "", "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": []}


def _permission(name: str, *, shut: bool) -> dict[str, str]:
    own = f"mqtt-(subscription-{name}qos[01]|will-{name})"
    rights = (_NOTHING, _NOTHING) if shut else (f"^{own}$", f"^(amq\\.topic|{own})$")
    return {"user": name, "vhost": _VHOST, "configure": rights[0], "write": rights[1], "read": rights[1]}


def _quorum_queue(name: str) -> dict[str, Any]:
    arguments = {"x-queue-type": "quorum", "x-max-length-bytes": _QUEUE_BYTES}
    return {"name": name, "vhost": _VHOST, "durable": True, "auto_delete": False, "arguments": arguments}


def _policy(intakes: Sequence[str]) -> dict[str, Any]:
    return {
        "vhost": _VHOST,
        "name": "homeward-intakes",
        "pattern": f"^mqtt-subscription-({'|'.join(intakes)})qos1$",
        "apply-to": "quorum_queues",
        "priority": 1,
        "definition": {
            "max-length-bytes": _QUEUE_BYTES,
            "overflow": "reject-publish",
            "delivery-limit": _DELIVERIES,
            "dead-letter-exchange": "",
            "dead-letter-routing-key": _UNDELIVERED,
        },
    }
