from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.vision.choice import order
from edge_agent.vision.face import Box, Face


def face(x, y, side):
    return Face(Box(x - side / 2, y - side / 2, side, side), 0.9, ())


def test_nobody_gives_an_empty_order():
    assert order((), 320, 240) == ()


def test_of_two_equally_large_faces_the_one_in_the_middle_comes_first():
    aside, middle = face(60, 120, 50), face(170, 120, 50)
    assert order([aside, middle], 320, 240)[0] is middle


def test_of_two_faces_equally_far_from_the_middle_the_nearer_person_comes_first():
    child, far = face(110, 120, 70), face(210, 120, 30)
    assert order([far, child], 320, 240)[0] is child


def test_a_small_face_in_the_background_is_not_first_for_being_in_the_middle():
    background, person = face(160, 120, 16), face(120, 130, 90)
    assert order([background, person], 320, 240)[0] is person


def test_after_the_first_come_the_others_from_left_to_right():
    first, left, right = face(160, 120, 80), face(40, 200, 30), face(280, 60, 40)
    assert order([right, first, left], 320, 240) == (first, left, right)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.builds(face, st.integers(0, 320), st.integers(0, 240), st.integers(5, 200)), max_size=6))
def test_the_order_holds_everybody_once_whatever_order_they_were_found_in(faces):
    offered = order(faces, 320, 240)
    assert sorted(map(id, offered)) == sorted(map(id, faces))
