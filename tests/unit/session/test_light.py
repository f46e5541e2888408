"""What the lights say of each scene."""

from __future__ import annotations

import pytest

from edge_agent.session.events import Blocked, CameraFailed
from edge_agent.session.light import Light, light
from edge_agent.session.table import SEEING, Stage
from tests.unit.session.player import Player


@pytest.mark.red_line(1)
@pytest.mark.parametrize("stage", Stage)
def test_the_lights_say_that_the_camera_sees_when_it_does_and_never_else(stage):
    assert (light(Player().to(stage).scene) is Light.SEEING) == (stage in SEEING)


def test_a_camera_that_failed_is_not_said_to_see():
    person = Player().to(Stage.REVIEW)
    person.happens(CameraFailed(at=person.now, code="camera"))
    assert light(person.scene) is Light.ASKING


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        (Stage.REST, Light.READY),
        (Stage.CONSENT, Light.ASKING),
        (Stage.DONE, Light.SENT),
        (Stage.NOTHING_KEPT, Light.NOTHING_KEPT),
        (Stage.CANNOT, Light.CANNOT),
    ],
)
def test_each_kind_of_scene_has_its_light(stage, says):
    assert light(Player().to(stage).scene) is says


@pytest.mark.red_line(14)
def test_at_rest_the_lights_say_that_no_report_can_be_taken():
    assert light(Player().happens(Blocked(at=101.0, code="outbox-full")).scene) is Light.CANNOT
