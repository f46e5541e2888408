import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from edge_agent.errors import CameraError
from edge_agent.vision.photograph import as_frame, load
from tests.unit.vision.scenes import astronaut


def refused(path, words):
    with pytest.raises(CameraError, match=words) as fault:
        load(path)
    assert path.name in fault.value.what
    assert fault.value.next_step
    return fault.value


def png_that_says(width, height):
    """A PNG of a few bytes whose header promises any size."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_photograph_is_read_as_rgb(tmp_path):
    astronaut().save(tmp_path / "a.jpg", quality=95)
    rgb = load(tmp_path / "a.jpg")
    assert (rgb.shape, rgb.dtype) == ((512, 512, 3), np.uint8)
    assert np.abs(rgb.astype(int) - np.asarray(astronaut())).mean() < 5


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "LA"])
def test_a_photograph_of_any_mode_becomes_rgb(tmp_path, mode):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    astronaut().convert(mode).save(path)
    assert load(path).shape == (512, 512, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_upright_as_its_camera_was_held(tmp_path, orientation):
    upright = Image.new("RGB", (96, 64))
    upright.paste((255, 0, 0), (0, 0, 24, 24))
    undo = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_90"}
    undo |= {7: "TRANSVERSE", 8: "ROTATE_270"}
    held = upright.transpose(Image.Transpose[undo[orientation]]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    held.save(tmp_path / "held.jpg", exif=exif, quality=95)
    rgb = load(tmp_path / "held.jpg")
    assert rgb.shape == (64, 96, 3)
    assert rgb[12, 12, 0] > 200
    assert rgb[50, 80].max() < 40


def test_a_text_file_named_jpg_is_no_photograph(tmp_path):
    (tmp_path / "a.jpg").write_text("not a picture, whatever its name says\n" * 20)
    refused(tmp_path / "a.jpg", "not a photograph")


def test_an_empty_file_is_no_photograph(tmp_path):
    (tmp_path / "a.jpg").touch()
    refused(tmp_path / "a.jpg", "not a photograph")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
def test_a_truncated_photograph_is_refused_rather_than_shown_in_part(tmp_path, kept, kind):
    whole, path = tmp_path / f"whole.{kind}", tmp_path / f"a.{kind}"
    astronaut().save(whole)
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * kept)])
    refused(path, "damaged|not a photograph")


@pytest.mark.parametrize("size", [(1, 1), (63, 500), (500, 63)])
def test_a_photograph_too_small_to_show_a_face_is_refused(tmp_path, size):
    Image.new("RGB", size).save(tmp_path / "a.png")
    refused(tmp_path / "a.png", f"too small: {size[0]} x {size[1]}")


@pytest.mark.parametrize("size", [(10_000, 10_000), (50_001, 1000), (60_000, 60_000)])
def test_a_huge_photograph_is_refused_by_its_header_before_a_pixel_is_decoded(tmp_path, size):
    (tmp_path / "a.png").write_bytes(png_that_says(*size))
    refused(tmp_path / "a.png", "too large: more than 50 megapixels")


def test_a_photograph_at_the_limit_passes_the_header(tmp_path):
    (tmp_path / "a.png").write_bytes(png_that_says(10_000, 5000))
    refused(tmp_path / "a.png", "damaged")


def test_a_photograph_that_is_not_there_is_said_to_be_missing(tmp_path):
    refused(tmp_path / "gone.jpg", "not there")


def test_a_folder_is_no_photograph(tmp_path):
    refused(tmp_path, "folder")


@pytest.mark.parametrize("size", [(1000, 400), (400, 1000), (64, 64), (1600, 1200)])
def test_a_photograph_of_any_shape_becomes_a_frame_that_shows_all_of_it(size):
    photo = np.full((size[1], size[0], 3), 200, np.uint8)
    frame = as_frame(photo)
    assert (frame.large.shape, frame.small.shape) == ((960, 1280, 3), (240, 320, 3))
    shown = frame.large[:, :, 0] > 100
    across, down = shown.any(axis=0).sum(), shown.any(axis=1).sum()
    assert across == 1280 or down == 960
    assert across / down == pytest.approx(size[0] / size[1], rel=0.02)


def test_both_streams_show_the_same_field_of_view():
    frame = as_frame(np.asarray(astronaut()))
    shrunk = np.asarray(Image.fromarray(frame.large).resize((320, 240), Image.Resampling.BOX)).astype(int)
    assert np.abs(shrunk - frame.small).mean() < 3


def test_the_error_names_no_more_than_the_file(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"secret words in a file")
    assert not re.search("secret", refused(tmp_path / "a.jpg", "photograph").explain())
