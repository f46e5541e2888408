from math import cos, radians, sin

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from edge_agent.vision.face import Box
from edge_agent.vision.measures import NOSE_DEPTH, measure, yaw
from tests.unit.vision.scenes import FACE, Person, astronaut, frame_of, united


def turned(degrees, tilt=0.0):
    """Landmarks of a head whose person turns to their left, seen from the front; the picture tilted besides."""
    turn, lean = radians(degrees), radians(tilt)
    points = [(x * cos(turn) + z * sin(turn), y) for x, y, z in ((-0.5, 0, 0), (0.5, 0, 0), (0, 0.6, NOSE_DEPTH))]
    return [(100 + 60 * (x * cos(lean) - y * sin(lean)), 100 + 60 * (x * sin(lean) + y * cos(lean))) for x, y in points]


@pytest.mark.parametrize("degrees", [-40, -15, 0, 15, 40])
def test_yaw_is_how_far_the_person_turns_to_their_left(degrees):
    assert yaw(turned(degrees)) == pytest.approx(degrees, abs=0.01)


@pytest.mark.parametrize("tilt", [-25, 25])
def test_a_face_that_is_merely_tilted_is_not_turned(tilt):
    assert yaw(turned(0, tilt)) == pytest.approx(0, abs=0.01)


def test_eyes_in_one_point_give_no_yaw_rather_than_a_fault():
    assert yaw([(5, 5), (5, 5), (9, 9)]) == 0


def test_a_mirrored_person_is_turned_the_other_way():
    turns = []
    for mirrored in (False, True):
        (face,) = united().find(frame_of(Person(640, 480, 260, mirrored)).small).faces
        turns.append(yaw(face.landmarks))
    assert turns[0] * turns[1] < 0


def of(picture: Image.Image):
    return measure(np.asarray(picture), FACE, ())


def test_a_blurred_picture_is_less_sharp():
    assert of(astronaut().filter(ImageFilter.GaussianBlur(3))).sharpness < of(astronaut()).sharpness / 4


def test_a_dimmed_picture_is_less_exposed():
    dim = of(ImageEnhance.Brightness(astronaut()).enhance(0.3))
    assert dim.exposure == pytest.approx(of(astronaut()).exposure * 0.3, rel=0.05)


def test_of_one_burst_the_sharp_and_lit_picture_has_the_most_merit():
    burst = [
        astronaut().filter(ImageFilter.GaussianBlur(2)),
        astronaut(),
        ImageEnhance.Brightness(astronaut()).enhance(0.2),
    ]
    assert max(burst, key=lambda picture: of(picture).merit) is burst[1]


def test_without_landmarks_there_is_no_eye_distance_and_no_yaw():
    measured = of(astronaut())
    assert (measured.eye_distance, measured.yaw) == (None, None)


def test_the_eye_distance_is_in_pixels_of_the_picture():
    assert measure(np.asarray(astronaut()), FACE, turned(0)).eye_distance == pytest.approx(60)


@pytest.mark.red_line(5)
@pytest.mark.parametrize(
    "box", [Box(-500, -500, 50, 50), Box(5000, 5000, 9, 9), Box(3, 3, 0.2, 0.2), Box(-9, -9, 900, 900)]
)
@pytest.mark.parametrize("shade", [0, 255])
def test_any_box_of_any_picture_can_be_measured(box, shade):
    measured = measure(np.full((64, 64, 3), shade, np.uint8), box, ())
    assert measured.sharpness == pytest.approx(0, abs=1e-3)
    assert measured.exposure == pytest.approx(shade, abs=0.01)


@pytest.mark.red_line(4)
def test_the_measures_say_nothing_of_who_the_person_is():
    assert set(of(astronaut()).__dataclass_fields__) == {"sharpness", "exposure", "eye_distance", "yaw"}
