"""A person before the kiosk: real libcamera and picamera2, a real GPIO chip, real TLS to a real broker."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image

from central.store.sqlite import open_reader
from edge_agent.wire import report, sealing
from tests.virtual.visitor import A_CHILD_WITH_STAFF, AT_REST, FIRST, SESSION_S, YES


def opened(live, record_id: str):
    """Open a record as a caseworker does."""
    with open_reader(live.fleet.store_file) as store:
        content = store.sealed(bytes.fromhex(record_id))
    assert content is not None
    record = sealing.parse_record(content)
    return report.read(sealing.open_record(record, live.caseworker), record.claims)


def test_a_child_beside_a_member_of_staff_is_seen_and_the_report_is_opened(live, kiosk, visitor):
    assert kiosk.lights() == AT_REST
    visitor.agree(A_CHILD_WITH_STAFF)
    kiosk.until(lambda: kiosk.lights()[2], "the camera's light", SESSION_S)
    record = visitor.send()
    kiosk.wait_for("receipted", record=record, timeout=SESSION_S)
    visitor.leave()
    kiosk.until(lambda: kiosk.lights() == AT_REST, "the lights of a kiosk at rest", SESSION_S)

    seen = opened(live, record)
    assert [(answer.by.name, answer.status.name) for answer in seen.consent.answers]
    picture = Image.open(io.BytesIO(seen.faces[0].image))
    assert picture.format == "JPEG"
    assert min(picture.size) > 100


STARTED, STOPPED = "Starting capture", "Stopping capture"


def camera_said(kiosk) -> list[tuple[str, int]]:
    """What libcamera itself logged of starting and stopping, each with its place in the console."""
    text = kiosk.console()
    return [(word, found.start()) for word in (STARTED, STOPPED) for found in re.finditer(word, text)]


def place(text: str, stage: str) -> int:
    """Where in the console the kiosk says that a stage has begun."""
    found = re.search(rf'"stage": ?"{stage}"', text)
    assert found
    return found.start()


@pytest.mark.red_line(1)
def test_libcamera_starts_after_consent_alone_and_stops_with_the_session(kiosk, visitor):
    visitor.arrive()
    visitor.choose(YES)
    visitor.choose(YES)
    assert camera_said(kiosk) == []
    visitor.choose(YES)
    visitor.reach("framing")
    visitor.send()
    visitor.leave()
    (started, began), (stopped, ended) = sorted(camera_said(kiosk), key=lambda said: said[1])
    assert (started, stopped) == (STARTED, STOPPED)
    text = kiosk.console()
    assert place(text, "consent") < began < place(text, "review")
    assert ended < place(text, "done")


@pytest.mark.red_line(1)
@pytest.mark.red_line(2)
def test_for_somebody_who_says_no_libcamera_never_starts(kiosk, visitor):
    visitor.arrive()
    visitor.choose(FIRST)
    visitor.reach("nothing_kept")
    visitor.reach("rest")
    assert camera_said(kiosk) == []
