"""Settings for a cluster of RabbitMQ 4: MQTT 5 for kiosks and AMQP for intakes, over TLS 1.3, in quorum queues.

Everybody logs in by certificate: no user here has a password, and management, plain MQTT and plain AMQP stay shut. What
kiosks send goes into one queue, for which any number of intakes compete; what none of them acknowledges goes aside into
a second one, from which an intake takes it into quarantine. A queue that is full refuses, and kiosks keep what they
have.

Ids are `[a-z0-9-]` and safe in a regular expression. RabbitMQ writes `/` of a topic as `.`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge_agent.wire.topics import Channel, Desk, Door, check_id, desk, every_door, of_every_kiosk
from provisioning.fleet import CHECKED, CHECKER, OFFICE
from provisioning.mosquitto import MAX_PACKET_BYTES, SESSION_DAYS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PLUGINS: Final = "[rabbitmq_mqtt,rabbitmq_auth_mechanism_ssl].\n"
_VHOST: Final = "/"
_EXCHANGE: Final = "amq.topic"
ARRIVALS: Final = "homeward-arrivals"
UNDELIVERED: Final = "homeward-undelivered"
AMQPS_PORT: Final = 5671  # IANA's
# What a node evaluates to read ca.pem, server.pem and server.key again: from then on, and without cutting a session.
READ_ANEW: Final = "ssl:clear_pem_cache()."
_QUEUE_BYTES: Final = 20 * 1024 * 1024 * 1024  # six hours of 10,000 kiosks; past it kiosks keep what they have
_DELIVERIES: Final = 20  # then a message goes aside; by default it would vanish
_FOR_EVER: Final = -1
_NOTHING: Final = "^$"
_ANY: Final = "[a-z0-9-]+"
_HEARD: Final = rf"({_ANY}|\*)"  # who subscribes to `+` asks for `*`
_POLICY: Final = {
    "vhost": _VHOST,
    "name": "homeward-arrivals",
    "pattern": f"^{ARRIVALS}$",
    "apply-to": "quorum_queues",
    "priority": 1,
    "definition": {
        "max-length-bytes": _QUEUE_BYTES,
        "overflow": "reject-publish",
        "dead-letter-exchange": "",
        "dead-letter-routing-key": UNDELIVERED,
        "dead-letter-strategy": "at-least-once",
    },
}


def settings(nodes: Sequence[str], installed_at: Path, port: int, amqps_port: int = AMQPS_PORT) -> str:
    """Write rabbitmq.conf for the cluster of `nodes` (rabbit@host), whose files lie in `installed_at` on each.

    `port` is for MQTT, `amqps_port` for intakes.
    """
    lines = [
        "listeners.tcp = none",
        f"listeners.ssl.default = {amqps_port}",
        "auth_mechanisms.1 = EXTERNAL",
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
        # Definitions may be read while a node is still alone: its queues get their other members as nodes join.
        "quorum_queue.continuous_membership_reconciliation.enabled = true",
        f"quorum_queue.continuous_membership_reconciliation.target_group_size = {len(nodes)}",
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
    """Write definitions.json: users, what each may do, and the queues of the intakes.

    `shut_out` stay as users who may do nothing, not even connect: importing definitions takes nobody away, and ends no
    session. `rabbitmqctl close_all_user_connections NAME revoked` does.
    """
    users: dict[str, tuple[str, str]] = {}  # name: topics to write, topics to read
    said, heard = (Channel.RECORDS, Channel.STATUS), (Channel.RECEIPTS, Channel.ORDERS)
    asks, replies = every_door(fleet, Door.REQUEST), every_door(fleet, Door.REPLY)
    of_kiosks = (
        _topics(*(of_every_kiosk(fleet, channel) for channel in said), asks),
        _topics(*(of_every_kiosk(fleet, channel) for channel in heard), replies),
    )
    of_claims = (_topics(asks), _topics(replies))
    for names, (write, read) in (([*kiosks, CHECKER, CHECKED], of_kiosks), (claims, of_claims)):
        for name in names:
            users[name] = (write.replace(_ANY, check_id(name)), read.replace(_ANY, name))
    users[OFFICE] = (
        _topics(
            every_door(fleet, Door.REPLY),
            of_every_kiosk(fleet, Channel.ORDERS),
            desk(fleet, Desk.ASK),
            desk(fleet, Desk.TRUST),
        ),
        _topics(every_door(fleet, Door.REQUEST), desk(fleet, Desk.ROLL), level=_HEARD),
    )
    for intake in intakes:
        answers = _topics(of_every_kiosk(fleet, Channel.RECEIPTS), desk(fleet, Desk.ROLL))
        users[check_id(intake)] = (answers, _NOTHING)
    shut = {check_id(name) for name in shut_out}
    users |= dict.fromkeys(shut_out, (_NOTHING, _NOTHING))
    content = {
        "vhosts": [{"name": _VHOST}],
        "users": [_user(name, shut=name in shut) for name in users],
        "permissions": [
            _reading(name) if name in intakes else _permission(name, shut=topics[0] == _NOTHING)
            for name, topics in users.items()
        ],
        "topic_permissions": [
            {"user": name, "vhost": _VHOST, "exchange": _EXCHANGE, "write": write, "read": read}
            for name, (write, read) in users.items()
        ],
        "queues": [_quorum_queue(ARRIVALS), _quorum_queue(UNDELIVERED, deliveries=_FOR_EVER)],
        "bindings": [_binding(topic) for topic in _for_intakes(fleet)],
        "policies": [_POLICY],
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"


def _for_intakes(fleet: str) -> tuple[str, ...]:
    from_kiosks = (of_every_kiosk(fleet, channel) for channel in (Channel.RECORDS, Channel.STATUS))
    # Any intake can tell the roll, and any can take a part of a newer registry: they gather the parts in their store.
    return (*from_kiosks, desk(fleet, Desk.ASK), desk(fleet, Desk.TRUST))


def _topics(*names: str, level: str = _ANY) -> str:
    """Write a regular expression of MQTT topics as AMQP routing keys; for `+` stands `level`, one level of ids."""
    keys = [re.escape(name.replace("/", ".")).replace(r"\+", level).replace(r"\-", "-") for name in names]
    return f"^({'|'.join(keys)})$"


def _user(name: str, *, shut: bool) -> dict[str, Any]:
    hashing = "rabbit_password_hashing_sha256"
    limits = {"max-connections": 0, "max-channels": 0} if shut else {}
    return {"name": name, "password_hash": "", "hashing_algorithm": hashing, "tags": [], "limits": limits}


def _permission(name: str, *, shut: bool) -> dict[str, str]:
    own = f"mqtt-(subscription-{name}qos[01]|will-{name})"
    rights = (_NOTHING, _NOTHING) if shut else (f"^{own}$", f"^(amq\\.topic|{own})$")
    return {"user": name, "vhost": _VHOST, "configure": rights[0], "write": rights[1], "read": rights[1]}


def _reading(intake: str) -> dict[str, str]:
    return {
        "user": intake,
        "vhost": _VHOST,
        "configure": _NOTHING,
        "write": "^amq\\.topic$",
        "read": f"^({ARRIVALS}|{UNDELIVERED})$",
    }


def _quorum_queue(name: str, deliveries: int = _DELIVERIES) -> dict[str, Any]:
    arguments = {"x-queue-type": "quorum", "x-delivery-limit": deliveries}
    return {"name": name, "vhost": _VHOST, "durable": True, "auto_delete": False, "arguments": arguments}


def _binding(topic: str) -> dict[str, Any]:
    return {
        "source": _EXCHANGE,
        "vhost": _VHOST,
        "destination": ARRIVALS,
        "destination_type": "queue",
        "routing_key": topic.replace("/", ".").replace("+", "*"),
        "arguments": {},
    }
