"""MQTT topics and the ids in them. `homeward/1/<fleet>/<kiosk>/<channel>`; see docs/wire-format.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Final

import msgspec

from edge_agent.errors import MalformedError

ROOT: Final = "homeward/1"
_ID: Final = re.compile(r"[a-z0-9-]{1,32}")  # no '.', '+', '#' or '/': each has a meaning for some broker
Id = Annotated[str, msgspec.Meta(pattern=rf"^{_ID.pattern}\Z")]  # a fleet's or a kiosk's, as a document's field


class Channel(StrEnum):
    """What a topic carries."""

    RECORDS = "records"  # kiosk up: a sealed record
    RECEIPTS = "receipts"  # intake down: a signed receipt
    STATUS = "status"  # kiosk up, also its will
    ORDERS = "orders"  # fleet down: signed orders


class Door(StrEnum):
    """The two ways of an enrolment, for a name that a certificate vouches for: a claim's, or a kiosk's own."""

    REQUEST = "request"  # kiosk up: the request for certificates
    REPLY = "reply"  # office down: certificates, or a refusal


class Desk(StrEnum):
    """What office and intakes say to one another."""

    ASK = "ask"  # office to intakes: tell me of the kiosks
    ROLL = "roll"  # intake to office: what each kiosk last said
    TRUST = "trust"  # office to intakes: a newer registry or bundle


def check_id(text: str) -> str:
    """Return `text` when it can be a fleet's, a kiosk's or a claim's id; else raise MalformedError."""
    if not _ID.fullmatch(text):
        raise MalformedError(f"{text[:40]!r} is no id: 1 to 32 of a-z, 0-9 and '-'")
    return text


@dataclass(frozen=True, slots=True)
class Address:
    """One kiosk of one fleet."""

    fleet: str
    kiosk: str

    def __post_init__(self) -> None:
        check_id(self.fleet)
        check_id(self.kiosk)

    def topic(self, channel: Channel) -> str:
        """Name this kiosk's topic of a channel."""
        return f"{ROOT}/{self.fleet}/{self.kiosk}/{channel}"


def door(fleet: str, name: str, way: Door) -> str:
    """Name the topic of an enrolment, below the claim or the kiosk that asks."""
    return f"{ROOT}/{check_id(fleet)}/enrol/{check_id(name)}/{way}"


def every_door(fleet: str, way: Door) -> str:
    """Name the topic filter of all enrolments."""
    return f"{ROOT}/{check_id(fleet)}/enrol/+/{way}"


def parse_door(topic: str, fleet: str) -> str:
    """Give the name in the topic of a request to enrol in this fleet. Raises MalformedError."""
    match topic.split("/"):
        case ["homeward", "1", named, "enrol", name, Door.REQUEST] if named == fleet:
            return check_id(name)
        case _:
            raise MalformedError(f"{topic[:120]!r} is no request to enrol in {fleet}")


def desk(fleet: str, matter: Desk) -> str:
    """Name the topic between office and intakes."""
    return f"{ROOT}/{check_id(fleet)}/office/{matter}"


@lru_cache(maxsize=4096)
def parse(topic: str) -> tuple[Address, Channel]:
    """Take a topic apart. Raises MalformedError for any that is not ours."""
    match topic.split("/"):
        case ["homeward", "1", fleet, kiosk, channel] if channel in set(Channel):
            return Address(fleet, kiosk), Channel(channel)
        case _:
            raise MalformedError(f"{topic[:120]!r} is none of our topics")


def of_every_kiosk(fleet: str, channel: Channel) -> str:
    """Name the topic filter that a central server subscribes to."""
    return f"{ROOT}/{check_id(fleet)}/+/{channel}"
