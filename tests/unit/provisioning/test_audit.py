import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from provisioning import audit
from provisioning.audit import AuditError

facts = st.dictionaries(st.text(max_size=8), st.integers(0, 9) | st.text(max_size=8) | st.lists(st.text(max_size=4)))
acts = st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8), facts), min_size=1, max_size=6)


def written(happened):
    """Write a log of these acts; return its lines and the last entry."""
    lines, last = [], None
    for at, (who, act, known) in enumerate(happened):
        last = audit.following(last, at=at, who=who, act=act, facts=known)
        lines.append(last.line + b"\n")
    return lines, last


@given(acts)
@settings(deadline=None, max_examples=50)
def test_what_was_written_verifies_and_reads_back(happened):
    lines, last = written(happened)
    log = audit.verify(b"".join(lines), last)
    assert [(entry.who, entry.act, entry.facts) for entry in log.entries] == happened
    assert log.missing == b""


@given(acts, st.data())
@settings(deadline=None, max_examples=100)
def test_a_changed_byte_is_found(happened, data):
    lines, last = written(happened)
    whole = bytearray(b"".join(lines))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(AuditError):
        audit.verify(bytes(whole), last)


@given(acts, st.data())
@settings(deadline=None, max_examples=100)
def test_a_log_that_was_cut_swapped_or_repeated_is_found(happened, data):
    lines, last = written(happened)
    left = data.draw(st.lists(st.sampled_from(range(len(lines))), max_size=len(lines) + 1))
    assume(left not in ([*range(len(lines))], [*range(len(lines) - 1)]))
    with pytest.raises(AuditError):
        audit.verify(b"".join(lines[number] for number in left), last)


@given(acts, st.data())
@settings(deadline=None, max_examples=50)
def test_a_crash_while_the_last_line_was_written_is_completed(happened, data):
    lines, last = written(happened)
    torn = data.draw(st.integers(0, len(lines[-1]) - 1))
    begun = b"".join(lines[:-1]) + lines[-1][:torn]
    log = audit.verify(begun, last)
    assert log.entries[-1] == last
    assert begun + log.missing == b"".join(lines)


@given(acts, acts)
@settings(deadline=None, max_examples=50)
def test_another_fleets_log_is_refused(ours, theirs):
    assume(theirs not in (ours, ours[:-1]))
    lines, _ = written(theirs)
    _, last = written(ours)
    with pytest.raises(AuditError):
        audit.verify(b"".join(lines), last)


def test_a_noted_hash_finds_its_act():
    lines, last = written([("Amina", "begin", {}), ("Amina", "add", {"kiosk": "kiosk-1"})])
    log = audit.verify(b"".join(lines), last)
    assert log.holds(last.head[:16]) == last
    assert log.holds("f" * 64) is None
