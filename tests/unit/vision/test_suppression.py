import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.vision.suppression import suppress


def candidate(x, y, side, score, point=0.0):
    return np.array([x, y, side, side, *[point] * 12, score], np.float32)


def rows(*candidates):
    return np.stack(candidates) if candidates else np.empty((0, 17), np.float32)


def test_nothing_gives_no_face():
    assert suppress(rows(), 0.3) == ()


def test_one_candidate_is_one_face_as_it_is():
    (face,) = suppress(rows(candidate(10, 20, 30, 0.75, point=7)), 0.3)
    assert (face.box.x, face.box.y, face.box.w, face.box.h) == (10, 20, 30, 30)
    assert face.score == 0.75
    assert face.landmarks == ((7, 7),) * 6


def test_candidates_that_overlap_become_their_average_weighted_by_score():
    (face,) = suppress(rows(candidate(0, 0, 40, 0.9, 10), candidate(4, 0, 40, 0.3, 30)), 0.3)
    assert face.box.x == pytest.approx(4 * 0.3 / 1.2)
    assert face.landmarks[0][0] == pytest.approx((10 * 0.9 + 30 * 0.3) / 1.2)
    assert face.score == pytest.approx(0.9)


def test_candidates_that_touch_too_little_stay_two_faces_the_surer_first():
    weak, sure = candidate(0, 0, 40, 0.5), candidate(30, 0, 40, 0.8)
    assert [face.box.x for face in suppress(rows(weak, sure), 0.3)] == [30, 0]


candidates = st.builds(
    candidate,
    st.integers(-50, 300),
    st.integers(-50, 300),
    st.integers(1, 150),
    st.integers(1, 100).map(lambda n: n / 100),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(candidates, max_size=12), st.sampled_from([0.1, 0.3, 0.6]))
def test_every_candidate_ends_in_one_face_that_lies_among_them(many, iou):
    faces = suppress(rows(*many), iou)
    assert len(faces) <= len(many)
    assert bool(faces) == bool(many)
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)
    for face in faces:
        assert min(c[0] for c in many) - 0.01 <= face.box.x <= max(c[0] for c in many) + 0.01
        assert min(c[2] for c in many) - 0.01 <= face.box.w <= max(c[2] for c in many) + 0.01
    for lonely in many:
        if all(other is lonely or abs(other[0] - lonely[0]) > 150 or abs(other[1] - lonely[1]) > 150 for other in many):
            assert any(face.box.x == pytest.approx(float(lonely[0])) for face in faces)
