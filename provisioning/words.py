"""What a screen says before an act and after it: the differences and the steps, a line each, for every screen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from edge_agent.wire.keys import kid
from provisioning.fleet import Condition, Turn
from provisioning.office import named
from provisioning.rotation import Step, next_step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_agent.wire.bundle import Recipient
    from provisioning.fleet import Claim, Kiosk, Standing, State


def moment(seconds: int) -> str:
    """Write a time (seconds since 1970) in this computer's zone, with the zone."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def until(condition: Condition, kiosk: Kiosk) -> str:
    """Say what a kiosk's condition depends on: a day, or a command."""
    match condition:
        case Condition.WAITING:
            return f"card good until {moment(kiosk.claim.certificate.not_after)}"
        case Condition.CARD_EXPIRED:
            return f"make another: homeward-fleet card {kiosk.plan.id}"
        case Condition.IN_SERVICE:
            return f"certificate ends {moment(max(held.not_after for held in kiosk.certificates))}"
        case Condition.REVOKED:
            return f"since {moment(kiosk.revoked_at or 0)}"


def recipients_change(before: Sequence[Recipient], after: Sequence[Recipient]) -> list[tuple[str, str]]:
    """Give each recipient with a sign: ' ' stays, '-' goes, '+' comes."""
    stay = [(" " if known in after else "-", named(known)) for known in before]
    return stay + [("+", named(new)) for new in after if new not in before]


def orders_change(before: Standing | None, after: Standing | None) -> list[tuple[str, str]]:
    """Give each line of a kiosk's orders with a sign: ' ' stays, '-' goes, '+' comes."""
    old, new = (_orders_lines(one) for one in (before, after))
    stay = [(" " if line in new else "-", line) for line in old]
    return stay + [("+", line) for line in new if line not in old]


def _orders_lines(standing: Standing | None) -> list[str]:
    if standing is None:
        return []
    lines = [f"version {standing.version}", f"mode {standing.mode}", f"bundle {standing.bundle}"]
    return lines + [f"{name} = {value}" for name, value in sorted(standing.settings.items())]


def will_revoke(state: State) -> list[str]:
    """Say what a revocation changes."""
    version = state.registered.version
    return [
        f"registry {version} -> {version + 1}: its key is trusted no more",
        "mosquitto's ACL and RabbitMQ's definitions: it may do nothing",
        "CRL: its certificates and its card's are listed",
    ]


def revoked(kiosk: str, folder: Path) -> list[str]:
    """Say what is left to be done by hand where the fleet could not do it, and what nobody can know."""
    return [
        f"Kiosk {kiosk} is revoked. What is not done yet, copy from {folder}, in this order:",
        (
            "1. mosquitto: acl and crl.pem over those there, reload it (`systemctl reload mosquitto`), and revoke it "
            "once more: that ends a live session too; RabbitMQ: definitions.json, then `rabbitmqctl import_definitions "
            f"definitions.json` and `rabbitmqctl close_all_user_connections {kiosk} revoked`"
        ),
        "2. each intake and each desk: registry.cose; it is taken up without a restart",
        (
            "What can't be known: whether anybody copied what was on it. Nothing on it opens a report. Reports that "
            "still wait in its outbox are sealed, and refused from now on. Once 1 and 2 are done, nobody can send in "
            "its name."
        ),
    ]


def card_written(out: str, claim: Claim) -> list[str]:
    """Say what to do with a card's files; `out` says where they are."""
    return [
        f"Card: {out}. Copy it onto the card's boot partition, into a folder named homeward.",
        (
            f"It holds a secret that enrols this one kiosk once, until {moment(claim.certificate.not_after)}. "
            "Carry it like a key, and remove it from this computer once it is on the card."
        ),
    ]


def enrolled(out: str, folder: Path) -> list[str]:
    """Say what to do once a kiosk was taken into service by hand; `out` says where its files are."""
    return [
        "Its card's claim is used up.",
        f"Copy {out} to the kiosk, beside its kiosk.toml.",
        f"Copy {folder / 'registry.cose'} to each intake and desk: then its reports are taken.",
    ]


def bundle_signed(version: int, folder: Path) -> list[str]:
    """Say what to do with a new bundle."""
    return [
        (
            f"Bundle {version} is signed. Copy {folder / 'bundle.cose'} over every bundle.cose: "
            "on each intake, on each desk, and on each kiosk; a kiosk seals as before until it has it."
        ),
    ]


def rotation_change(state: State, turn: Turn) -> list[tuple[str, str]]:
    """Give what the next step of a rotation changes, each line with a sign: ' ' stays, '-' goes, '+' comes."""
    keys = [kid(key).hex() for key in state.named(turn)]
    version = state.trusted.content.version
    bundle = [("-", f"bundle {version}"), ("+", f"bundle {version + 1}")]
    match next_step(state, turn):
        case Step.BEGIN:
            return [(" ", f"key {keys[0]} signs"), ("+", "a new key, believed beside it"), *bundle]
        case Step.SWITCH:
            return [("-", f"key {keys[0]} signs"), ("+", f"key {keys[-1]} signs"), (" ", "both are believed")]
        case Step.FINISH:
            return [("-", f"key {keys[0]} is believed"), (" ", f"key {keys[-1]} signs, and is believed"), *bundle]


def rotated(turn: Turn, step: Step, folder: Path, out: Path | None) -> list[str]:
    """Say what to do after a step of a rotation; `out` is where the new receipt key lies."""
    again = f"`homeward-fleet rotate {turn}`"
    bundle = f"Copy {folder / 'bundle.cose'} to each desk, and to each intake that the office does not tell."
    both = f"Copy {folder / 'bundle.cose'} and {folder / 'registry.cose'}, both, to each desk and each such intake."
    match step, turn:
        case Step.BEGIN, _:
            return [
                "The old key still signs. Kiosks get the new bundle with their orders.",
                bundle,
                f"Once `homeward-fleet list --ask` shows that every kiosk has it, the second step: {again}.",
            ]
        case Step.SWITCH, Turn.RECEIPTS:
            return [
                (
                    f"Carry {out} to each intake over a safe way: put receipt.key and bundle.cose over those there, "
                    "start it again, and remove the folder here."
                ),
                f"Once an intake has answered with the new key (`homeward-fleet list --ask`), the last step: {again}.",
            ]
        case Step.SWITCH, _:
            return [
                "The new key signs orders, answers and the registry.",
                both,
                f"In some days, the last step: {again}.",
            ]
        case _:
            return [
                "The old key is believed no more where this bundle is; the office's file does not hold it any more.",
                both,
                "Older copies of the fleet's folder still hold the old key: remove them.",
            ]


def mosquitto_written(out: Path, there: Path, names: Sequence[str], run_as: str) -> list[str]:
    """Say what to do with a mosquitto's folder."""
    return [
        f"Copy {out} to the broker as {there}; its files belong to root, server.key, acl and data/ to {run_as}.",
        f"Start it with `mosquitto -c {there / 'mosquitto.conf'}`, then: `homeward-fleet broker check`.",
        "Its certificate names " + ", ".join(names) + " and holds a year: write the settings again before that.",
    ]


def rabbitmq_written(out: Path, there: Path, names: Sequence[str]) -> list[str]:
    """Say what to do with a RabbitMQ's folder."""
    return [
        f"Copy {out} to every node as {there}; server.key belongs to rabbitmq alone.",
        "After each new kiosk: `rabbitmqctl import_definitions definitions.json`, from the fleet's to-copy.",
        "Certificates name " + ", ".join(names) + " and hold a year: write the settings again before that.",
    ]


def intake_written(out: Path, folder: Path) -> list[str]:
    """Say what to do with an intake's folder."""
    return [
        "receipt.key and tls.key lie open in it: carry it to the intake over a safe way, and remove it here.",
        (
            f"There: `homeward-intake check --config {out.name}/intake.toml`. Its name is in the broker's ACL from "
            f"now on: copy {folder / 'acl'} (or definitions.json) there. tls.pem holds a year."
        ),
    ]


def broker_verdict(sound: bool) -> str:  # noqa: FBT001 - the one thing it says
    """Say what the broker's check found."""
    if sound:
        return "The broker allows what it should, and nothing else of this."
    return "The broker does not keep to its settings. Copy the generated folder there again, and restart it."
