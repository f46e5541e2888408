"""docs/wire-format.md says what the code does: every number, label and code in its tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import edge_agent
from edge_agent.errors import WireError
from edge_agent.wire import (
    bundle,
    cbor,
    cose,
    enrolment,
    fields,
    keys,
    orders,
    receipts,
    registry,
    report,
    roll,
    sealing,
    status,
    withdrawal,
)
from edge_agent.wire.topics import Channel, Desk, Door
from tests.vectors import cddl, fleet

DOCS = Path(edge_agent.__file__).parents[1] / "docs"
TEXT = (DOCS / "wire-format.md").read_text()


def table(heading: str, *, under: str) -> list[list[str]]:
    """The rows of the table whose first header is `heading`, in the section `under`, as lists of cells."""
    section = re.split(r"^##+ ", TEXT, flags=re.MULTILINE)
    lines = next(part for part in section if part.startswith(under)).splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def first_words(rows: list[list[str]]) -> list[str]:
    return [row[0].strip("`") for row in rows]


def test_the_claims_are_the_codes() -> None:
    labels = [int(row[0]) for row in table("label", under="Claims")]
    assert set(labels) == set(fleet.CLAIMS.to_map())
    assert f"{sealing._COMMITMENT} is the commitment" in TEXT


def test_the_error_codes_are_the_codes() -> None:
    def codes(family: type[WireError]) -> list[str]:
        return [code for kind in family.__subclasses__() for code in [kind.code, *codes(kind)]]

    assert first_words(table("code", under="What a reader says")) == codes(WireError)


def test_the_topics_and_outcomes_are_the_codes() -> None:
    assert first_words(table("channel", under="Topics")) == list(Channel)
    assert first_words(table("way", under="Topics")) == list(Door)
    assert first_words(table("matter", under="Topics")) == list(Desk)
    assert first_words(table("outcome", under="Receipts")) == list(receipts.Outcome)


def test_the_types_are_the_codes() -> None:
    written = {row[0]: row[1].strip("`") for row in table("document", under="Names and keys")}
    assert written == {
        "recipient bundle": bundle.TYPE,
        "registry of kiosks": registry.TYPE,
        "record": sealing.TYPE,
        "kiosk's withdrawal": withdrawal.TYPE,
        "caseworker's withdrawal": withdrawal.DESK_TYPE,
        "health": status.TYPE,
        "receipt": receipts.TYPE,
        "orders": orders.TYPE,
        "renewal": enrolment.RENEWAL_TYPE,
        "answer to enrolment": enrolment.REPLY_TYPE,
        "roll of kiosks": roll.TYPE,
    }
    for name in written.values():
        assert f'"{name}"' in cddl.SOURCE


def test_the_reports_fields_are_the_codes() -> None:
    assert first_words(table("field", under="The report inside")) == list(report.Report.__struct_encode_fields__)


def test_the_sizes_are_the_codes() -> None:
    written = {row[0]: row[1] for row in table("part", under="Sizes")}
    assert written["record, whole"] == f"at most {fields.MAX_RECORD_BYTES}"
    assert written["recipients"] == f"1 to {fields.MAX_RECIPIENTS}"
    assert written["IV"] == str(sealing.IV_BYTES)
    assert written["content key"] == str(sealing.CEK_BYTES)
    assert written["commitment, SHA-256"] == str(fields.HASH_BYTES)
    assert written["encapsulated key"].startswith(f"{sealing.EK_BYTES} ")
    assert written["wrapped key"] == str(sealing.WRAPPED_BYTES)
    assert written["signature"] == str(keys.SIGNATURE_BYTES)
    assert written["kid"] == str(keys.KID_BYTES)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("bundle", bundle.Bundle.MAX_BYTES),
        ("registry", registry.RegistryContent.MAX_BYTES),
        ("receipt", receipts.Receipt.MAX_BYTES),
        ("withdrawal", withdrawal.Withdrawal.MAX_BYTES),
        ("desk-withdrawal", withdrawal.DeskWithdrawal.MAX_BYTES),
        ("orders", orders.Orders.MAX_BYTES),
        ("health", status.Health.MAX_BYTES),
        ("status", status.Status.MAX_BYTES),
        ("application", enrolment.Application.MAX_BYTES),
        ("renewal", enrolment.Request.MAX_BYTES),
        ("answer", enrolment.Reply.MAX_BYTES),
        ("roll", roll.Roll.MAX_BYTES),
    ],
)
def test_the_documents_sizes_are_the_codes(name: str, most: int) -> None:
    assert [name, str(most)] in table("document", under="Bundle, registry")


def test_what_a_recipient_costs_is_measured() -> None:
    one, three = len(fleet.sealed(to=("mei",))), len(fleet.sealed())
    assert f"Each recipient costs {(three - one) // 2} bytes" in TEXT


def test_the_words_in_the_text_are_the_codes() -> None:
    assert sealing._COMMITMENT_LABEL.decode() in TEXT
    assert f"Algorithm {sealing.HPKE_9_KE} (HPKE-9-KE)" in TEXT
    assert f"{cose.ALG}: {cose.A256GCM}, {cose.CWT_CLAIMS}: claims, {cose.TYP}: type, {sealing._COMMITMENT}:" in TEXT
    assert f"deeper than {cbor.MAX_DEPTH} levels" in TEXT
    assert (
        f"{keys.RECIPIENT_PUBLIC_BYTES} bytes. The private half is the seed of {keys.RECIPIENT_PRIVATE_BYTES}" in TEXT
    )
    for mode in (*orders.Mode, *fields.ClockQuality, receipts.WITHDRAWN, receipts.EXPIRED):
        assert f"`{mode}`" in TEXT


def test_every_link_leads_somewhere() -> None:
    for page in (DOCS / "wire-format.md", DOCS.parent / "tests" / "vectors" / "README.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
