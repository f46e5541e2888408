import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.vision.blazeface import Letterbox, anchors
from edge_agent.vision.manifest import load

sizes = st.integers(64, 4000)


@settings(deadline=None, max_examples=200)
@given(sizes, sizes, st.sampled_from([128, 192]))
def test_what_fills_the_square_is_stretched_to_the_whole_frame(width, height, side):
    box = Letterbox(width, height, side)
    assert np.multiply(box.inner, box.stretch) == pytest.approx([width, height])


@settings(deadline=None, max_examples=200)
@given(sizes, sizes, st.sampled_from([128, 192]))
def test_the_whole_frame_lies_in_the_square_and_fills_it_one_way(width, height, side):
    box = Letterbox(width, height, side)
    (left, top), inner = box.corner, box.inner
    assert max(inner) == side
    assert left >= 0 <= top
    assert left + inner[0] <= side >= top + inner[1]


@settings(deadline=None, max_examples=100)
@given(sizes, sizes)
def test_the_bars_are_equal_to_a_pixel(width, height):
    box = Letterbox(width, height, 128)
    for corner, inner in zip(box.corner, box.inner, strict=True):
        assert 0 <= 128 - inner - 2 * corner <= 1


def test_there_is_an_anchor_for_each_output_at_the_middle_of_its_cell():
    models = load().facts.models
    short, full = anchors(models["short_range"].anchors), anchors(models["full_range"].anchors)
    assert (len(short), len(full)) == (896, 2304)
    assert short[0].tolist() == short[1].tolist() == [0.5 / 16, 0.5 / 16]
    assert short[2].tolist() == [1.5 / 16, 0.5 / 16]
    assert short[512].tolist() == [0.5 / 8, 0.5 / 8]
    assert np.allclose(full[-1], 1 - 0.5 / 48)
