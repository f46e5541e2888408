import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.vision.face import Box, Face
from models.metrics import Known, average_precision, judge, recall_by_flag, recall_by_width, summary

WIDTH = 1000


def known(x, side=100, *flags, ignore=False):
    return Known(Box(x, 0, side, side), ignore, flags)


def find(x, score=0.9, side=100):
    return Face(Box(x, 0, side, side), score, ())


def test_a_find_on_a_face_is_true_and_one_beside_it_false():
    image = judge(WIDTH, [known(0), known(500)], [find(5, 0.8), find(250, 0.6)])
    assert image.found == (True, False)
    assert image.finds == ((0.8, True), (0.6, False))


def test_two_finds_on_one_face_count_as_one_and_a_false_one():
    image = judge(WIDTH, [known(0)], [find(0, 0.5), find(5, 0.9)])
    assert image.finds == ((0.9, True), (0.5, False))


def test_an_ignored_face_is_neither_asked_for_nor_a_fault_to_find():
    image = judge(WIDTH, [known(0), known(500, ignore=True)], [find(0), find(500)])
    assert (image.found, image.finds) == ((True,), ((0.9, True),))


def test_an_image_with_an_ignored_face_alone_is_not_an_empty_one():
    images = [judge(WIDTH, [known(500, ignore=True)], [find(0)]), judge(WIDTH, [], [find(0), find(300)])]
    assert summary(images)["false_per_empty_image"] == 2


def test_the_summary_counts_faces_finds_and_the_largest_face_of_each_image():
    large_found = judge(WIDTH, [known(0, 200), known(500, 50)], [find(0, side=200)])
    large_missed = judge(WIDTH, [known(0, 200), known(500, 50)], [find(500, side=50), find(800)])
    assert summary([large_found, large_missed]) == {
        "recall": 0.5,
        "precision": pytest.approx(2 / 3),
        "largest_face_recall": 0.5,
        "false_per_empty_image": None,
    }


def test_average_precision_of_a_known_case():
    # Ranked: true, false, true; of 2 faces. Precision 1 at recall 1/2, 2/3 at recall 1.
    images = [judge(WIDTH, [known(0), known(500)], [find(0, 0.9), find(250, 0.8), find(500, 0.7)])]
    assert average_precision(images) == pytest.approx((1 + 2 / 3) / 2)


def test_without_faces_or_finds_there_is_no_fault():
    assert average_precision([judge(WIDTH, [], [])]) is None
    assert average_precision([judge(WIDTH, [known(0)], [])]) == 0
    assert summary([judge(WIDTH, [], [])])["recall"] is None


def test_recall_is_split_by_width_and_by_flag():
    images = [judge(WIDTH, [known(0, 50, "mask"), known(500, 300, "mask", "side")], [find(500, side=300)])]
    assert recall_by_flag(images) == {"mask": (0.5, 2), "side": (1.0, 1)}
    widths = recall_by_width(images)
    assert (widths["0.047-0.08"], widths["0.29-1"], widths["0.12-0.29"]) == ((0.0, 1), (1.0, 1), (None, 0))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 900), max_size=6), st.lists(st.tuples(st.integers(0, 900), st.integers(1, 99)), max_size=8)
)
def test_the_figures_stay_between_nothing_and_all(faces, finds):
    images = [judge(WIDTH, [known(x) for x in faces], [find(x, score / 100) for x, score in finds])]
    precision = average_precision(images)
    assert (precision is None) == (not faces)
    assert precision is None or 0 <= precision <= 1
    assert sum(images[0].found) == sum(hit for _, hit in images[0].finds)
    assert sum(count for _, count in recall_by_width(images).values()) == len(faces)
