"""What holds for every document alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.errors import MalformedError, NotCanonicalError, WireError
from edge_agent.wire import bundle, cbor, consent, documents, orders, receipts, registry, report, status, withdrawal
from tests.unit.wire import strategies
from tests.vectors import cddl, fleet

if TYPE_CHECKING:
    from edge_agent.wire.documents import Document

EXAMPLES: dict[type[Document], tuple[str, Document]] = {
    report.Report: ("report", fleet.REPORT),
    consent.ConsentRecord: ("consent", fleet.CONSENT),
    bundle.Bundle: ("bundle", fleet.BUNDLE),
    registry.RegistryContent: ("registry", fleet.REGISTRY),
    receipts.Receipt: ("receipt", fleet.RECEIPT),
    withdrawal.Withdrawal: ("withdrawal", fleet.WITHDRAWAL),
    withdrawal.DeskWithdrawal: ("desk-withdrawal", fleet.DESK_WITHDRAWAL),
    orders.Orders: ("orders", fleet.ORDERS),
    status.Health: ("health", fleet.HEALTH),
    status.Status: ("status", fleet.STATUS),
}
each_kind = pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
a_few = settings(deadline=None, max_examples=40)


def accepted(kind: type[Document], data: bytes) -> bool:
    """Whether it is read at all; if so, it must be the one encoding of what was read."""
    try:
        read = documents.from_cbor(data, kind)
    except WireError:
        return False
    assert documents.to_cbor(read) == data
    return True


def refused_by_schema(rule: str, data: bytes) -> bool:
    try:
        cddl.validate(rule, data)
    except cddl.RefusedError:
        return True
    return False


@each_kind
@a_few
@given(data=st.data())
def test_a_document_is_read_as_it_was_written_and_the_schema_agrees(kind: type[Document], data: st.DataObject) -> None:
    rule, _ = EXAMPLES[kind]
    written = data.draw(strategies.BY_KIND[kind])

    encoded = documents.to_cbor(written)

    assert documents.from_cbor(encoded, kind) == written
    cddl.validate(rule, encoded)


@each_kind
@a_few
@given(data=st.data())
def test_changed_bytes_are_refused_or_have_one_encoding(kind: type[Document], data: st.DataObject) -> None:
    _, example = EXAMPLES[kind]
    accepted(kind, data.draw(strategies.changed(documents.to_cbor(example))))


@each_kind
@a_few
@given(data=st.data())
def test_a_value_in_anothers_place_is_refused_wherever_the_schema_refuses_it(
    kind: type[Document], data: st.DataObject
) -> None:
    rule, example = EXAMPLES[kind]
    plain = documents.to_map(example)
    _put_somewhere(plain, data)

    encoded = cbor.encode(plain)

    if accepted(kind, encoded):
        assert not refused_by_schema(rule, encoded)


def _put_somewhere(plain: Any, data: st.DataObject) -> None:
    """Replace, add or take out one value, at any depth."""
    while True:
        key = data.draw(st.sampled_from(list(plain) if isinstance(plain, dict) else range(len(plain))))
        inner = plain[key]
        if not (isinstance(inner, dict | list) and inner and data.draw(st.booleans())):
            break
        plain = inner
    if isinstance(plain, dict) and data.draw(st.booleans()):
        del plain[key]
    else:
        plain[key] = data.draw(strategies.plain_values)


@each_kind
@a_few
@given(value=strategies.plain_values)
def test_any_other_value_is_refused(kind: type[Document], value: Any) -> None:
    assert not accepted(kind, cbor.encode(value))


@each_kind
def test_a_field_that_is_not_known_is_refused(kind: type[Document]) -> None:
    _, example = EXAMPLES[kind]
    with pytest.raises(MalformedError, match="unknown field"):
        documents.from_map(documents.to_map(example) | {"colour": "red"}, kind)


def test_a_default_that_is_spelt_out_is_refused() -> None:
    spelt_out = documents.to_map(fleet.STORED) | {"reason": None}
    with pytest.raises(NotCanonicalError, match="default"):
        documents.from_cbor(cbor.encode(spelt_out), receipts.Entry)


def test_an_integer_where_a_float_stands_is_refused() -> None:
    plain = documents.to_map(fleet.STATUS) | {"temperature_c": 51}
    with pytest.raises(NotCanonicalError, match="another type"):
        documents.from_cbor(cbor.encode(plain), status.Status)


def test_a_line_break_after_a_word_of_fixed_form_is_refused() -> None:
    for field, value in (
        ("dct:language", "sw\n"),
        ("dct:identifier", fleet.CONSENT.identifier + "\n"),
        ("dpv:hasStorageCondition", {"dpv:hasLocation": "x", "dpv:hasDuration": "P180D\n"}),
    ):
        with pytest.raises(MalformedError):
            documents.from_map(documents.to_map(fleet.CONSENT) | {field: value}, consent.ConsentRecord)


def test_what_its_reader_would_refuse_is_not_even_written() -> None:
    face = fleet.REPORT.faces[0]
    for measures in (
        msgspec.structs.replace(face.measures, yaw=float("nan")),
        msgspec.structs.replace(face.measures, sharpness=float("inf")),
    ):
        unreadable = msgspec.structs.replace(fleet.REPORT, faces=[msgspec.structs.replace(face, measures=measures)])
        with pytest.raises(MalformedError, match="not finite"):
            documents.to_cbor(unreadable)
    with pytest.raises(MalformedError):
        documents.to_cbor(msgspec.structs.replace(fleet.STORED, sha256=b"short"))
