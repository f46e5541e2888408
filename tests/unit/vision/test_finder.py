import dataclasses

import numpy as np
import pytest

from edge_agent.errors import ModelError
from edge_agent.vision import manifest
from edge_agent.vision.face import Face
from edge_agent.vision.finder import Found, load_detector
from tests.unit.vision.scenes import Person, frame_of, grown, on_small, united

MATCH = 0.4


def finds(found: Found, person: Person) -> list[Face]:
    return [face for face in found.faces if face.box.overlap(on_small(person).box) >= MATCH]


@pytest.mark.parametrize("width", [130, 180, 320])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_face_is_found_near_and_far(width, mirrored):
    person = Person(600, 420, width, mirrored)
    found = united().find(frame_of(person).small)
    assert len(finds(found, person)) == len(found.faces) == 1


@pytest.mark.parametrize("width", [70, 90])
def test_a_face_too_far_to_be_offered_may_still_be_one(width):
    person = Person(600, 420, width)
    assert any(face.box.overlap(on_small(person).box) >= MATCH for face in united().find(frame_of(person).small).faint)


@pytest.mark.parametrize("x", [90, 1190])
@pytest.mark.parametrize("y", [100, 860])
def test_a_face_in_a_corner_is_found(x, y):
    person = Person(x, y, 150)
    assert finds(united().find(frame_of(person).small), person)


def test_everybody_is_found_among_several():
    people = Person(250, 300, 140), Person(640, 500, 240, mirrored=True), Person(1050, 350, 110)
    found = united().find(frame_of(*people).small)
    assert [len(finds(found, person)) for person in people] == [1, 1, 1]


def test_an_empty_wall_has_no_face():
    assert united().find(frame_of().small) == Found((), ())


def test_the_landmarks_lie_where_the_eyes_the_nose_and_the_mouth_are():
    (face,) = united().find(frame_of(Person(640, 480, 240)).small).faces
    right_eye, left_eye, nose, mouth, right_ear, left_ear = face.landmarks
    assert right_ear[0] < right_eye[0] < nose[0] < left_eye[0] < left_ear[0]
    assert right_eye[1] < nose[1] < mouth[1]
    assert all(grown(face.box, 0.3).core_holds(point) for point in face.landmarks[:4])


def test_what_is_faint_comes_from_the_same_look_and_holds_the_faces():
    people = Person(400, 400, 200), Person(900, 400, 90)
    found = united().find(frame_of(*people).small)
    for face in found.faces:
        assert any(faint.box.overlap(face.box) > MATCH for faint in found.faint)
    assert len(found.faint) >= len(found.faces)


def test_the_others_are_all_but_the_chosen_one():
    people = Person(350, 400, 200), Person(900, 400, 150)
    found = united().find(frame_of(*people).small)
    for person, stranger in (people, people[::-1]):
        (chosen,) = finds(found, person)
        others = found.others(chosen)
        assert not any(other.box.overlap(chosen.box) > MATCH for other in others)
        assert any(other.box.overlap(on_small(stranger).box) > MATCH for other in others)


def test_a_threshold_of_ones_own_finds_more_or_less():
    small = frame_of(Person(640, 480, 240)).small
    assert len(united().find(small, 0.02).faces) > 1
    assert united().find(small, 0.9999).faces == ()


def test_a_look_leaves_the_frame_as_it_was():
    small = frame_of(Person(640, 480, 240)).small
    before = small.copy()
    united().find(small)
    assert (small == before).all()


@pytest.mark.parametrize("shape", [(64, 64), (64, 500), (960, 1280), (479, 641)])
def test_a_frame_of_any_shape_can_be_looked_at(shape):
    assert united().find(np.zeros((*shape, 3), np.uint8)).faces == ()


@pytest.mark.red_line(7)
def test_forgetting_overwrites_the_frame_in_the_models():
    united().find(frame_of(Person(640, 480, 240)).small)
    united().forget()
    for part in united().parts:
        assert (part.model._input() == -1).all()


@pytest.mark.red_line(4)
def test_a_find_says_where_a_face_is_and_nothing_of_whose():
    assert {field.name for field in dataclasses.fields(Face)} == {"box", "score", "landmarks"}


def test_a_detector_names_itself_and_the_models_it_runs():
    files = manifest.load().facts.files
    assert united().name == "united"
    assert {sha.hex() for sha in united().models} == {files["full_range"].sha256, files["short_range"].sha256}


def test_an_unknown_detector_is_refused_with_the_known_names():
    with pytest.raises(ModelError, match="no detector 'untied'") as refused:
        load_detector("untied", manifest.load())
    assert "united" in refused.value.next_step
