"""What a screen says before an act and after it: the differences and the steps, a line each, for every screen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge_agent.wire.keys import kid
from provisioning.decisions.rotation import Step, next_step
from provisioning.fleet import Condition, Turn
from provisioning.languages import phrase
from provisioning.rabbitmq import READ_ANEW
from provisioning.recipients import named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_agent.pins import Pins
    from edge_agent.wire.bundle import Recipient
    from provisioning.acts.sending import Sent
    from provisioning.audit import Fact
    from provisioning.fleet import Claim, Kiosk, Standing, State
    from provisioning.fleet_view import Told, View

_MOST_NAMED: Final = 20


def moment(seconds: int) -> str:
    """Write a time (seconds since 1970) in this computer's zone, with the zone."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def recorded(fact: Fact) -> str:
    """Write a fact of the audit log, of a long list its beginning; audit.jsonl has all of it."""
    if not isinstance(fact, list):
        return str(fact)
    more = [f"and {len(fact) - _MOST_NAMED} more"] if len(fact) > _MOST_NAMED else []
    return "; ".join([*fact[:_MOST_NAMED], *more])


def part_named(part: str) -> str:
    """Name a part that hangs on a GPIO line, by its name in the settings."""
    return {
        "button": phrase("the button"),
        "button_light": phrase("the light in the button"),
        "ready_light": phrase("the light that says 'ready'"),
        "camera_light": phrase("the camera's light"),
    }[part]


def wired(pins: Pins) -> str:
    """Say on which lines button and lights are."""
    if not pins.unusual:
        return phrase("at their usual GPIO lines")
    return ", ".join(
        phrase("{part}: GPIO {line}", part=part_named(part), line=line) for part, line in pins.unusual.items()
    )


def until(condition: Condition, kiosk: Kiosk) -> str:
    """Say what a kiosk's condition depends on: a day, or a command."""
    match condition:
        case Condition.WAITING:
            return phrase("card good until {when}", when=moment(kiosk.claim.certificate.not_after))
        case Condition.CARD_EXPIRED:
            return phrase("make another: `homeward-fleet card {kiosk}`", kiosk=kiosk.plan.id)
        case Condition.IN_SERVICE:
            return phrase("certificate ends {when}", when=moment(max(held.not_after for held in kiosk.certificates)))
        case Condition.REVOKED:
            return phrase("since {when}", when=moment(kiosk.revoked_at or 0))


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
    lines += [f"{name} = {value}" for name, value in sorted(standing.settings.items())]
    if (notice := standing.notice) is None:
        return lines
    said = [
        f"notice in {language}, {sentence.replace('_', ' ')}: {getattr(words, sentence)}"
        for language, words in sorted(notice.words.items())
        for sentence in words.__struct_fields__
    ]
    return [*lines, f"notice {notice.id}", *said]


def will_revoke(state: State) -> list[str]:
    """Say what a revocation changes."""
    version = state.registered.version
    return [
        phrase("registry {before} -> {after}: its key is trusted no more", before=version, after=version + 1),
        phrase("mosquitto's ACL and RabbitMQ's definitions: it may do nothing"),
        phrase("CRL: its certificates and its card's are listed"),
    ]


def revoked(kiosk: str, folder: Path) -> list[str]:
    """Say what is left to be done by hand where the fleet could not do it, and what nobody can know."""
    return [
        phrase(
            "Kiosk {kiosk} is revoked. What is not done yet, copy from {folder}, in this order:",
            kiosk=kiosk,
            folder=folder,
        ),
        phrase(
            "1. mosquitto: acl and crl.pem over those there, restart it (`systemctl restart mosquitto`), and revoke it "
            "once more: that ends a live session too; RabbitMQ: definitions.json, then `rabbitmqctl import_definitions "
            "definitions.json` and `rabbitmqctl close_all_user_connections {kiosk} revoked`",
            kiosk=kiosk,
        ),
        phrase("2. each intake and each desk: registry.cose; it is taken up without a restart"),
        phrase(
            "What can't be known: whether anybody copied what was on it. Nothing on it opens a report. Reports that "
            "still wait in its outbox are sealed, and refused from now on. Once 1 and 2 are done, nobody can send in "
            "its name."
        ),
    ]


def card_written(out: str, claim: Claim) -> list[str]:
    """Say what to do with a card's files; `out` says where they are."""
    return [
        phrase("Card: {out}. Copy it onto the card's boot partition, into a folder named homeward.", out=out),
        phrase(
            "It holds a secret that enrols this one kiosk once, until {when}. "
            "Carry it like a key, and remove it from this computer once it is on the card.",
            when=moment(claim.certificate.not_after),
        ),
    ]


def cards_written(out: str, claims: Sequence[Claim]) -> list[str]:
    """Say what to do with the cards of kiosks that were added at once; `out` says where they are."""
    return [
        phrase("In {out} is a folder for each kiosk's card, and its label beside it.", out=out),
        phrase("Copy each folder onto the boot partition of its card, as homeward. Stick each label onto its case."),
        phrase(
            "Each card holds a secret that enrols one kiosk once, until {when}. "
            "Carry it like a key, and remove it from this computer once it is on the card.",
            when=moment(claims[0].certificate.not_after),
        ),
    ]


def enrolled(out: str, folder: Path) -> list[str]:
    """Say what to do once a kiosk was taken into service by hand; `out` says where its files are."""
    return [
        phrase("Its card's claim is used up."),
        phrase("On the kiosk: tls.pem of {out} goes into its folder courier, all else beside its kiosk.toml.", out=out),
        registry_to_copy(folder),
    ]


def registry_to_copy(folder: Path) -> str:
    """Say where the registry must go before a new kiosk's reports are taken."""
    return phrase("Copy {file} to each intake and desk: then its reports are taken.", file=folder / "registry.cose")


def bundle_signed(version: int, folder: Path) -> list[str]:
    """Say what to do with a new bundle."""
    return [
        phrase(
            "Bundle {version} is signed. Copy {file} over every bundle.cose: "
            "on each intake, on each desk, and on each kiosk; a kiosk seals as before until it has it.",
            version=version,
            file=folder / "bundle.cose",
        ),
    ]


def key_named(turn: Turn) -> str:
    """Name a key that can be replaced, with what it is for."""
    return {
        Turn.RECEIPTS: phrase("The receipt key"),
        Turn.ORDERS: phrase("The orders key"),
        Turn.CA: phrase("The device CA"),
    }[turn]


def rotation_step(turn: Turn, step: Step) -> str:
    """Say in one sentence what a step of a rotation does."""
    by = {
        Turn.RECEIPTS: phrase("intakes sign receipts with"),
        Turn.ORDERS: phrase("the office signs orders, answers and the registry with"),
        Turn.CA: phrase("the office certifies kiosks and servers with"),
    }[turn]
    match step:
        case Step.BEGIN:
            return phrase("a new key, which {by}, is made and believed beside the old one, which stays in use.", by=by)
        case Step.SWITCH:
            return phrase("the new key is used from now on, and what the old one signed is still believed.")
        case Step.FINISH:
            return phrase("the old key is believed no more.")


def intakes_say(state: State, view: View | None) -> list[tuple[str, str]]:
    """Say of each intake what it last said of itself, or that it can't be known."""
    told = {} if view is None else {one.intake: one for one in view.intakes}
    return [(name, _intake_says(told.get(name))) for name in state.intakes]


def _intake_says(said: Told | None) -> str:
    if said is None:
        return phrase("nothing yet, so what it has can't be known. Of a cluster, one intake answers at a time")
    return phrase(
        "bundle {bundle}, registry {registry}, trusts the CAs {authorities}",
        bundle=said.bundle,
        registry=said.registry,
        authorities=", ".join(said.authorities),
    )


def sent(what: Sent) -> str:
    """Say whom what was signed has reached."""
    if what.problem:
        return phrase("Done, and not sent yet: {why}", why=what.problem)
    if what.told:
        return phrase("An intake was told; {heard} of {all} kiosks hear it now.", heard=what.heard, all=what.ordered)
    return phrase("No intake listens now; {heard} of {all} kiosks hear it now.", heard=what.heard, all=what.ordered)


def rotation_change(state: State, turn: Turn) -> list[tuple[str, str]]:
    """Give what the next step of a rotation changes, each line with a sign: ' ' stays, '-' goes, '+' comes."""
    keys = [kid(key).hex() for key in state.named(turn)]
    if turn is Turn.CA:
        return _ca_change(next_step(state, turn), keys[0], keys[-1])
    version = state.trusted.content.version
    bundle = [(sign, phrase("bundle {version}", version=each)) for sign, each in (("-", version), ("+", version + 1))]
    match next_step(state, turn):
        case Step.BEGIN:
            new = phrase("a new key, believed beside it")
            return [(" ", phrase("key {key} signs", key=keys[0])), ("+", new), *bundle]
        case Step.SWITCH:
            signs = [(sign, phrase("key {key} signs", key=key)) for sign, key in (("-", keys[0]), ("+", keys[-1]))]
            return [*signs, (" ", phrase("both are believed"))]
        case Step.FINISH:
            stays = phrase("key {key} signs, and is believed", key=keys[-1])
            return [("-", phrase("key {key} is believed", key=keys[0])), (" ", stays), *bundle]


def _ca_change(step: Step, old: str, new: str) -> list[tuple[str, str]]:
    match step:
        case Step.BEGIN:
            comes = [phrase("a new CA, trusted beside it"), phrase("orders for every kiosk")]
            return [(" ", phrase("CA {key} certifies", key=old)), *(("+", line) for line in comes)]
        case Step.SWITCH:
            certifies = [(sign, phrase("CA {key} certifies", key=key)) for sign, key in (("-", old), ("+", new))]
            return [*certifies, (" ", phrase("both are trusted"))]
        case Step.FINISH:
            stays = phrase("CA {key} certifies, and is trusted", key=new)
            return [("-", phrase("CA {key} is trusted", key=old)), (" ", stays)]


def ca_rotated(step: Step, folder: Path, behind: Sequence[str], *, cluster: bool = False) -> list[str]:
    """Say what to do after a step towards another CA, on a mosquitto or on the nodes of a `cluster`."""
    ca, crl = folder / "ca.pem", folder / "crl.pem"
    anew = f"`rabbitmqctl eval '{READ_ANEW}'`"
    broker = (
        phrase("Copy {ca} to each node of RabbitMQ, then there: {anew}. No session is cut.", ca=ca, anew=anew)
        if cluster
        else phrase("Copy {ca} and {crl} to mosquitto, and restart it: `systemctl restart mosquitto`.", ca=ca, crl=crl)
    )
    intake = phrase("Copy {ca} to each intake, and start it again.", ca=ca)
    match step:
        case Step.BEGIN:
            return [
                phrase("The old CA still certifies. Kiosks get both with their orders."),
                broker,
                intake,
                phrase(
                    "Once all have them (`homeward-fleet list --ask` asks), the second step: "
                    "`homeward-fleet rotate ca`."
                ),
            ]
        case Step.SWITCH:
            return [
                phrase("The new CA certifies from now on; certificates of the old one are still taken."),
                phrase(
                    "Let the office listen (`homeward-fleet enrol`, or the console's door): kiosks renew by themselves."
                ),
                phrase(
                    "Write each server's folder again, for a new certificate: `homeward-fleet intake --replace`, "
                    "`homeward-fleet broker mosquitto --replace` or `rabbitmq --replace`; copy, and start it again."
                ),
                *([phrase("For RabbitMQ's nodes {anew} on each is enough.", anew=anew)] if cluster else []),
                phrase(
                    "Once every kiosk was heard with its new certificate, the last step: `homeward-fleet rotate ca`."
                ),
            ]
        case Step.FINISH:
            return [
                phrase("The old CA is trusted no more; the office's file does not hold its key any more."),
                broker,
                *([_sessions_cut()] if cluster else []),
                intake,
                phrase("Older copies of the fleet's folder still hold the old key: remove them."),
                *_left(behind),
            ]


def _sessions_cut() -> str:
    """Say how sessions that an old certificate opened are ended in a cluster."""
    return phrase(
        "Sessions that an old certificate opened stand until they end. On one node {command} ends all that there are; "
        "kiosks and intakes come back by themselves.",
        command="`rabbitmqctl close_all_connections 'another CA'`",
    )


def _left(behind: Sequence[str]) -> list[str]:
    if not behind:
        return []
    return [phrase("Left behind: {who}. How each comes back stands in docs/operations.md.", who=", ".join(behind))]


def rotated(turn: Turn, step: Step, folder: Path, out: Path | str | None) -> list[str]:
    """Say what to do after a step of a rotation; `out` is where the new receipt key lies."""
    bundle = phrase(
        "Copy {bundle} to each desk, and to each intake that the office does not tell.", bundle=folder / "bundle.cose"
    )
    both = phrase(
        "Copy {bundle} and {registry}, both, to each desk and each such intake.",
        bundle=folder / "bundle.cose",
        registry=folder / "registry.cose",
    )
    match step, turn:
        case Step.BEGIN, _:
            return [
                phrase("The old key still signs. Kiosks get the new bundle with their orders."),
                bundle,
                phrase(
                    "Once `homeward-fleet list --ask` shows that every kiosk has it, the second step: "
                    "`homeward-fleet rotate {key}`.",
                    key=turn,
                ),
            ]
        case Step.SWITCH, Turn.RECEIPTS:
            return [
                phrase(
                    "Carry {out} to each intake over a safe way: put receipt.key and bundle.cose over those there, "
                    "start it again, and remove the folder here.",
                    out=out,
                ),
                phrase(
                    "Once an intake has answered with the new key (`homeward-fleet list --ask`), the last step: "
                    "`homeward-fleet rotate {key}`.",
                    key=turn,
                ),
            ]
        case Step.SWITCH, _:
            return [
                phrase("The new key signs orders, answers and the registry."),
                both,
                phrase("In some days, the last step: `homeward-fleet rotate {key}`.", key=turn),
            ]
        case _:
            return [
                phrase(
                    "The old key is believed no more where this bundle is; the office's file does not hold it any more."
                ),
                both,
                phrase("Older copies of the fleet's folder still hold the old key: remove them."),
            ]


def mosquitto_written(out: Path, there: Path, names: Sequence[str], run_as: str) -> list[str]:
    """Say what to do with a mosquitto's folder."""
    return [
        phrase(
            "Copy {out} to the broker as {there}; its files belong to root, server.key, acl and data/ to {user}.",
            out=out,
            there=there,
            user=run_as,
        ),
        phrase(
            "Start it with `mosquitto -c {file}`, then: `homeward-fleet broker check`.", file=there / "mosquitto.conf"
        ),
        phrase(
            "Its certificate names {names} and holds a year: write the settings again before that.",
            names=", ".join(names),
        ),
    ]


def rabbitmq_written(out: Path, there: Path, names: Sequence[str]) -> list[str]:
    """Say what to do with a RabbitMQ's folder."""
    return [
        phrase("Copy {out} to every node as {there}; server.key belongs to rabbitmq alone.", out=out, there=there),
        phrase("After each new kiosk: `rabbitmqctl import_definitions definitions.json`, from the fleet's to-copy."),
        phrase(
            "Certificates name {names} and hold a year: write the settings again before that.", names=", ".join(names)
        ),
    ]


def intake_written(out: Path, folder: Path) -> list[str]:
    """Say what to do with an intake's folder."""
    return [
        phrase("receipt.key and tls.key lie open in it: carry it to the intake over a safe way, and remove it here."),
        phrase(
            "There: `homeward-intake check --config {name}/intake.toml`. Its name is in the broker's ACL from "
            "now on: copy {acl} (or definitions.json) there. tls.pem holds a year.",
            name=out.name,
            acl=folder / "acl",
        ),
    ]


def broker_verdict(sound: bool) -> str:  # noqa: FBT001 - the one thing it says
    """Say what the broker's check found."""
    if sound:
        return phrase("The broker allows what it should, and nothing else of this.")
    return phrase("The broker does not keep to its settings. Copy the generated folder there again, and restart it.")
