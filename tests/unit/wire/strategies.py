"""Hypothesis strategies made from the documents' own types, so that a new field is covered as soon as it is there."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from edge_agent.wire import bundle, consent, orders, receipts, registry, report, status, withdrawal
from edge_agent.wire.documents import Document
from tests.vectors import fleet

D = TypeVar("D", bound=Document)
LARGEST = 2**64 - 1
ADULTS = [role for role in consent.Role if role is not consent.Role.DATA_SUBJECT]


def document(kind: type[D], /, **given: st.SearchStrategy[Any]) -> st.SearchStrategy[D]:
    """Documents of a kind; `given` are the fields that its types alone don't tell."""
    shape = inspect.type_info(kind)
    assert isinstance(shape, inspect.StructType)
    fields = {field.name: given.get(field.name, _value(field.type)) for field in shape.fields}
    return st.builds(kind, **fields)


def _value(shape: inspect.Type) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one line for each type there is
    match shape:
        case inspect.Metadata(type=inner):
            return _value(inner)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.IntType(ge=ge, le=le):
            return st.integers(-LARGEST - 1 if ge is None else ge, LARGEST if le is None else le)
        case inspect.FloatType(ge=ge, le=le):
            return st.floats(ge, le, allow_nan=False, allow_infinity=False)
        case inspect.StrType(pattern=str(pattern)):
            return st.from_regex(pattern)
        case inspect.StrType(min_length=least, max_length=most):
            return st.text(st.characters(codec="utf-8"), min_size=least or 0, max_size=min(most or 20, 40))
        case inspect.BytesType(min_length=least, max_length=most):
            return st.binary(min_size=least or 0, max_size=most if most == least else 40)
        case inspect.EnumType(cls=cls):
            return st.sampled_from(list(cls))
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
        case inspect.ListType(item_type=item, min_length=least, max_length=most):
            return st.lists(_value(item), min_size=least or 0, max_size=min(most or 3, 4))
        case inspect.TupleType(item_types=items):
            return st.tuples(*map(_value, items))
        case inspect.DictType(key_type=key, value_type=value, min_length=least):
            return st.dictionaries(_value(key), _value(value), min_size=least or 0, max_size=4)
        case inspect.UnionType(types=types):
            return st.one_of(*map(_value, types))
        case inspect.StructType(cls=cls):
            return BY_KIND[cls] if cls in BY_KIND else document(cls)
        case _:
            raise AssertionError(f"no strategy for {shape}")


@st.composite
def answers(draw: st.DrawFn, *, child: bool, all_given: bool) -> list[consent.Answer]:
    """Each question once to each person, tracing to the person themselves first."""
    roles = [consent.Role.DATA_SUBJECT, *([draw(st.sampled_from(ADULTS))] if child else [])]
    more = draw(st.lists(st.sampled_from(list(consent.Purpose)[1:]), unique=True))
    made = []
    for purpose in (consent.Purpose.TRACING, *more):
        for role in roles:
            answer = draw(document(consent.Answer, purpose=st.just(purpose), by=st.just(role)))
            given = all_given and purpose is consent.Purpose.TRACING
            made.append(msgspec.structs.replace(answer, status=consent.Status.GIVEN) if given else answer)
    return made


@st.composite
def consents(draw: st.DrawFn, *, all_given: bool = False) -> consent.ConsentRecord:
    child = draw(st.booleans())
    return draw(
        document(
            consent.ConsentRecord,
            subject=st.just(consent.Subject.CHILD if child else consent.Subject.ADULT),
            answers=answers(child=child, all_given=all_given),
        )
    )


@st.composite
def notices(draw: st.DrawFn) -> orders.NoticeWords:
    """All five sentences, each with the place that it must have."""
    shape = inspect.type_info(orders.NoticeWords)
    assert isinstance(shape, inspect.StructType)
    said = {field.name: draw(_value(field.type))[:380] for field in shape.fields}
    return orders.NoticeWords(**{name: text + orders.PLACES.get(name, "") for name, text in said.items()})


BY_KIND: dict[type, st.SearchStrategy[Any]] = {}
BY_KIND[consent.ConsentRecord] = consents()
BY_KIND[report.Report] = document(
    report.Report,
    consent=consents(all_given=True),
    faces=st.lists(document(report.Face), min_size=1, max_size=2),
)
BY_KIND[bundle.Bundle] = document(
    bundle.Bundle,
    recipients=st.lists(
        document(bundle.Recipient), max_size=2, unique_by=(lambda r: r.key, lambda r: r.withdrawal_key or r.key)
    ).map(lambda others: [*others, fleet.BUNDLE.recipients[-1]]),
)
BY_KIND[registry.RegistryContent] = document(
    registry.RegistryContent,
    keys=st.lists(document(registry.RegisteredKey), max_size=3, unique_by=lambda entry: entry.key),
)
BY_KIND[receipts.Receipt] = document(receipts.Receipt)
BY_KIND[withdrawal.Withdrawal] = document(withdrawal.Withdrawal)
BY_KIND[withdrawal.DeskWithdrawal] = document(withdrawal.DeskWithdrawal)
BY_KIND[orders.NoticeWords] = notices()
BY_KIND[orders.Orders] = document(orders.Orders, bundle=st.sampled_from([None, fleet.SIGNED_BUNDLE]))
BY_KIND[status.Health] = document(status.Health)
BY_KIND[status.Status] = document(status.Status, health=st.sampled_from([None, fleet.STATUS.health]))

# Values that CBOR can carry and our formats may meet anywhere
plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST - 1, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
    | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.integers(0, 300), inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def changed(draw: st.DrawFn, data: bytes) -> bytes:
    """These bytes with a few of them set, taken out, put in or repeated."""
    made = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(made)))
        match draw(st.sampled_from(("set", "cut", "insert", "repeat"))):
            case "set":
                made[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "cut":
                del made[at : at + draw(st.integers(1, 9))]
            case "insert":
                made[at:at] = draw(st.binary(min_size=1, max_size=9))
            case _:
                made[at:at] = made[at : at + draw(st.integers(1, 9))]
    return bytes(made)
