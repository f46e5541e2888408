import numpy as np
import pytest

from edge_agent.vision import manifest
from edge_agent.vision.finder import Finder, Part
from edge_agent.vision.framing import Framing
from tests.unit.vision.scenes import Person, frame_of, on_small, united

MATCH = 0.4


class Counted:
    """A model that counts its looks and gives what it is told to."""

    def __init__(self, *boxes):
        self.side, self.looks = 128, 0
        self.boxes = boxes

    def candidates(self, rgb, floor, even):
        self.looks += 1
        rows = [[*box, *[0] * 12, 0.9] for box in self.boxes]
        return np.array(rows, np.float32).reshape(-1, 17)


def framing_of(far, near, turns=3):
    parts = Part(far, 0.5, 0.3, 1), Part(near, 0.5, 0.3, turns)
    return Framing(Finder("both", parts, (), 0.3))


BLANK = np.zeros((240, 320, 3), np.uint8)


def test_one_model_serves_each_frame_and_the_dear_one_every_fourth():
    far, near = Counted(), Counted()
    framing = framing_of(far, near)
    for _ in range(20):
        framing.find(BLANK)
    assert (far.looks, near.looks) == (5, 15)


def test_the_first_frame_is_looked_at_by_the_model_that_sees_far():
    far = Counted((10, 10, 20, 20))
    assert len(framing_of(far, Counted()).find(BLANK)) == 1


def test_what_only_the_far_model_sees_is_carried_until_its_next_turn():
    far = Counted((10, 10, 20, 20))
    framing = framing_of(far, Counted())
    assert [len(framing.find(BLANK)) for _ in range(4)] == [1, 1, 1, 1]
    far.boxes = ()
    assert len(framing.find(BLANK)) == 0


def test_a_fresh_find_takes_the_place_of_a_carried_one():
    far, near = Counted((10, 10, 20, 20)), Counted((22, 10, 20, 20))
    framing = framing_of(far, near)
    framing.find(BLANK)
    assert [face.box.x for face in framing.find(BLANK)] == [22]


def test_another_persons_carried_face_stays_beside_a_fresh_one():
    framing = framing_of(Counted((10, 10, 20, 20)), Counted((200, 10, 80, 80)))
    framing.find(BLANK)
    assert [face.box.x for face in framing.find(BLANK)] == [200, 10]


@pytest.mark.parametrize("width", [130, 200])
def test_a_person_before_the_camera_is_seen_in_every_frame(width):
    person = Person(640, 450, width)
    small, framing = frame_of(person).small, Framing(united())
    for _ in range(8):
        (face,) = framing.find(small)
        assert face.box.overlap(on_small(person).box) >= MATCH


def test_the_manifest_gives_the_dear_model_fewer_turns():
    far, near = manifest.load().facts.detectors["united"].looks
    assert (far.model, near.model) == ("full_range", "short_range")
    assert far.turns < near.turns
