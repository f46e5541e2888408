"""Seal and open beside their floors: the bare primitives of cryptography on the same bytes, in turns in one run.

    .venv/bin/python -m tests.bench.sealing --json -

prints one JSON line per figure. The floor of a seal is one HPKE encryption of a content key per recipient, one
AES-256-GCM over the padded report and one ECDSA signature; the floor of an open is a verification, one HPKE decryption
and one AES-256-GCM. What comes on top is the strict reading and writing of CBOR in Python. A ratio is of medians over
turns that alternate, so that a busy machine slows both. Sizes are of the sealed record over the crop alone, with the
report of an adult (three answers) and of a child (six: the child's and the adult's beside).
"""

from __future__ import annotations

import gc
import secrets
from dataclasses import replace
from itertools import product
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge_agent.wire import documents, fields, keys, padding, sealing
from edge_agent.wire.consent import Purpose, Role, Subject
from tests.bench.figures import Figure, at_most, main
from tests.vectors import fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CROP = 40_960  # bytes, a usual crop
LARGE_CROP = 80_000
LARGEST_CROP = 100 * 1024
TURNS = 120
MOST_SEAL, MOST_OPEN = 2.5, 4.5  # times the floor: what we promise
OVERHEAD_SHARE, OVERHEAD_BYTES = 0.03, 4096  # sealed over crop: what we promise


def report_with(crop: int, subject: Subject = Subject.CHILD) -> bytes:
    """A report as a kiosk writes it, around a crop of that many bytes."""
    face = msgspec.structs.replace(fleet.REPORT.faces[0], image=secrets.token_bytes(crop), width=480, height=640)
    asked = [Role.DATA_SUBJECT, *([Role.STAFF] if subject is Subject.CHILD else [])]
    answers = [fleet.answer(purpose, by=by) for purpose in Purpose for by in asked]
    consent = msgspec.structs.replace(fleet.CONSENT, subject=subject, answers=answers)
    return documents.to_cbor(msgspec.structs.replace(fleet.REPORT, faces=[face], consent=consent))


def medians(*tasks: Callable[[], object]) -> list[float]:
    """Run the tasks in turns; give each one's median in milliseconds."""
    took: list[list[float]] = [[] for _ in tasks]
    gc.disable()
    for turn in range(TURNS):
        for task, times in zip(tasks, took, strict=True):
            begun = perf_counter()
            task()
            if turn >= TURNS // 10:  # the first turns warm up
                times.append((perf_counter() - begun) * 1000)
    gc.enable()
    return [median(times) for times in took]


def speed(recipients: int) -> Iterator[Figure]:
    """Seal and open for so many recipients, each beside its floor."""
    plain = report_with(CROP)
    signer = keys.SoftwareSigner.generate()
    claims = replace(fleet.CLAIMS, signer_kid=keys.kid(signer.public_key))
    private = [keys.RecipientPrivateKey.generate() for _ in range(recipients)]
    public = [key.public_key for key in private]
    cek, iv, info, aad = bytes(32), bytes(12), bytes(60), bytes(300)
    padded = padding.pad(plain)
    own, others = private[-1], [key.hpke() for key in public]

    def bare_seal() -> None:
        for key in others:
            sealing._SUITE.encrypt(cek, key, info=info)
        signer.sign(AESGCM(cek).encrypt(iv, padded, aad))

    wrapped = sealing._SUITE.encrypt(cek, own.public_key.hpke(), info=info)
    ciphertext = AESGCM(cek).encrypt(iv, padded, aad)
    signature = signer.sign(ciphertext)
    secret = own.hpke()

    def bare_open() -> None:
        keys.verify(signer.public_key, ciphertext, signature)
        AESGCM(sealing._SUITE.decrypt(wrapped, secret, info=info)).decrypt(iv, ciphertext, aad)

    record = sealing.seal(plain, claims, public, signer)

    def open_it() -> None:
        parsed = sealing.parse_record(record)
        parsed._signed.verify(signer.public_key)
        assert sealing.open_record(parsed, own) == plain

    seal_ms, seal_floor, open_ms, open_floor = medians(
        lambda: sealing.seal(plain, claims, public, signer), bare_seal, open_it, bare_open
    )
    to = counted(recipients)
    yield at_most(f"seal for {to}, over its floor of {seal_floor:.3f} ms", seal_ms / seal_floor, MOST_SEAL, "ratio")
    yield at_most(f"seal for {to}", seal_ms, seal_floor * MOST_SEAL, "ms")
    yield at_most(f"open for {to}, over its floor of {open_floor:.3f} ms", open_ms / open_floor, MOST_OPEN, "ratio")
    yield at_most(f"verify and open for {to}", open_ms, open_floor * MOST_OPEN, "ms")


def sizes() -> Iterator[Figure]:
    """What a record adds to the crop, and the largest record there can be."""
    for crop, recipients, subject in product((CROP, LARGE_CROP), (1, 3), (Subject.ADULT, Subject.CHILD)):
        over = len(sealed(crop, recipients, subject)) - crop
        who = subject.removeprefix("dpv:").lower()
        name = f"sealed over a crop of {crop} bytes, {counted(recipients)}, {who}"
        yield at_most(name, over, crop * OVERHEAD_SHARE + OVERHEAD_BYTES, "bytes")
    largest = len(sealed(LARGEST_CROP, fields.MAX_RECIPIENTS))
    yield at_most("sealed crop of 102400 bytes, 16 recipients", largest, fields.MAX_RECORD_BYTES, "bytes")


def counted(recipients: int) -> str:
    return f"{recipients} recipient{'s' if recipients > 1 else ''}"


def sealed(crop: int, recipients: int, subject: Subject = Subject.CHILD) -> bytes:
    public = [keys.RecipientPrivateKey.generate().public_key for _ in range(recipients)]
    return sealing.seal(report_with(crop, subject), fleet.CLAIMS, public, fleet.SIGNERS["station-1"])


def measure() -> Iterator[Figure]:
    """All figures."""
    for recipients in (1, 3, 10):
        yield from speed(recipients)
    yield from sizes()


if __name__ == "__main__":
    main("Seal and open beside their floors.", measure)
