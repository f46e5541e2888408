import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.vision.shrink import shrink

sides = st.integers(1, 400)


@settings(deadline=None, max_examples=100)
@given(sides, sides, st.integers(1, 192), st.integers(1, 192), st.integers(0, 255))
def test_a_plain_picture_stays_plain_in_any_size(width, height, to_width, to_height, shade):
    small = shrink(np.full((height, width, 3), shade, np.uint8), to_width, to_height)
    assert small.shape == (to_height, to_width, 3)
    assert (small == shade).all()


def test_a_slope_keeps_its_place():
    slope = np.broadcast_to(np.arange(640) * 255 // 639, (480, 640))
    small = shrink(np.stack([slope] * 3, axis=2).astype(np.uint8), 192, 144)
    wanted = (np.arange(192) + 0.5) / 192 * 255
    assert np.abs(small[:, :, 0] - wanted).max() <= 2


def test_colours_stay_apart():
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[:, :320, 0], picture[:, 320:, 2] = 200, 100
    small = shrink(picture, 128, 96)
    assert small[50, 10].tolist() == [200, 0, 0]
    assert small[50, 110].tolist() == [0, 0, 100]


def test_rows_with_a_padded_stride_are_read_rightly_and_left_as_they_are():
    padded = np.random.default_rng(1).integers(0, 256, (240, 352, 3), np.uint8)
    view, before = padded[:, :320], padded.copy()
    assert (shrink(view, 192, 144) == shrink(np.ascontiguousarray(view), 192, 144)).all()
    assert (padded == before).all()
