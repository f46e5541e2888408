import sys
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edge_agent.ports import Frame
from edge_agent.vision import crop
from edge_agent.vision.face import Box, Face
from tests.unit.vision.scenes import LARGE, SMALL, Blind, Person, decoded, frame_of, grown, on_small, painted, united

RED, GREEN = (220, 20, 20), (20, 220, 20)
SHARE = LARGE[0] / SMALL[0]


def small(box: Box) -> Face:
    return Face(box.scaled(1 / SHARE, 1 / SHARE), 0.9, ())


def greenish(picture: np.ndarray) -> np.ndarray:
    return picture[:, :, 1] - np.maximum(picture[:, :, 0], picture[:, :, 2]) > 60


def in_picture(box: Box, chosen: Box) -> Box:
    """Where a box of the large frame lies in the portrait of another."""
    left, top, width, height = crop.region(chosen)
    return box.moved(-left, -top).scaled(crop.WIDTH / width, crop.HEIGHT / height)


def middle(picture: np.ndarray, box: Box, part: float = 0.3) -> np.ndarray:
    """The pixels about a box's middle."""
    inner = grown(box, part / 2 - 0.5)
    return picture[round(inner.y) : round(inner.y + inner.h), round(inner.x) : round(inner.x + inner.w)]


# -- The shape and the bytes -------------------------------------------------------------------------------------------

boxes = st.builds(Box, st.integers(-100, 1300), st.integers(-100, 1000), st.integers(20, 700), st.integers(20, 700))


@settings(deadline=None, max_examples=25)
@given(boxes, st.sampled_from(["plain", "noise", "worst"]))
def test_every_portrait_has_one_shape_and_fits_its_bound(box, kind):
    noise = np.random.default_rng(5)
    large = {
        "plain": lambda: np.full((960, 1280, 3), 77, np.uint8),
        "noise": lambda: noise.integers(0, 256, (960, 1280, 3), np.uint8),
        "worst": lambda: (noise.integers(0, 2, (960, 1280, 3)) * 255).astype(np.uint8),
    }[kind]()
    portrait = crop.portrait(Frame(small=large[::4, ::4], large=large), small(box), [], Blind())
    assert (portrait.width, portrait.height) == (480, 640) == Image.open(BytesIO(portrait.jpeg)).size
    assert len(portrait.jpeg) <= 100 * 1024


@pytest.mark.red_line(5)
def test_the_worst_picture_that_can_be_made_is_coarser_not_refused():
    worst = (np.random.default_rng(7).integers(0, 2, (640, 480, 3)) * 255).astype(np.uint8)
    jpeg = crop.encode(Image.fromarray(worst))
    assert 0 < len(jpeg) <= crop.MAX_BYTES
    assert decoded(jpeg).shape == (640, 480, 3)


def test_an_ordinary_picture_keeps_its_quality():
    person = Person(640, 480, 250)
    portrait = crop.portrait(frame_of(person), on_small(person), [], Blind())
    assert 15_000 < len(portrait.jpeg) < 60_000


def segments(jpeg: bytes) -> list[tuple[int, bytes]]:
    """The markers of a JPEG up to its pixels, with what they hold (ITU-T T.81, annex B)."""
    assert jpeg[:2] == b"\xff\xd8"
    found, at = [], 2
    while True:
        assert jpeg[at] == 0xFF
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4])
        found.append((marker, jpeg[at + 4 : at + 2 + length]))
        at += 2 + length
        if marker == 0xDA:
            return found


APP0, TABLES_AND_FRAME = 0xE0, {0xDB, 0xC0, 0xC4, 0xDA}


@pytest.mark.red_line(6)
def test_the_jpeg_holds_tables_and_pixels_and_no_metadata():
    person = Person(640, 480, 250)
    jpeg = crop.portrait(frame_of(person), on_small(person), [], Blind()).jpeg
    (first, header), *rest = segments(jpeg)
    assert first == APP0
    assert header == b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"  # no density, no thumbnail
    assert {marker for marker, _ in rest} <= TABLES_AND_FRAME
    assert jpeg.endswith(b"\xff\xd9")
    assert jpeg.count(b"\xff\xd9") == 1


def test_metadata_of_the_picture_that_was_loaded_does_not_come_along():
    picture = Image.new("RGB", (480, 640), (1, 2, 3))
    exif = picture.getexif()
    exif[0x010E] = "a name"
    picture.info.update(exif=exif.tobytes(), comment=b"a place", icc_profile=b"x" * 200, dpi=(300, 300))
    assert {marker for marker, _ in segments(crop.encode(picture))} <= {APP0, *TABLES_AND_FRAME}


# -- The chosen face ---------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(st.integers(-40, 1200), st.integers(-40, 900), st.integers(60, 400))
def test_the_chosen_face_stays_in_its_place_also_at_the_edge(x, y, side):
    box = Box(x, y, side, side)
    picture = decoded(crop.portrait(painted((box, RED)), small(box), [], Blind()).jpeg)
    centre = in_picture(box, box).centre
    assert abs(centre[0] - 240) <= 3
    assert abs(centre[1] - 341) <= 3
    inside = 0 <= box.centre[0] < LARGE[0] and 0 <= box.centre[1] < LARGE[1]
    if inside:
        assert np.abs(picture[round(centre[1]), round(centre[0])] - RED).max() < 90


def test_a_face_at_the_edge_is_padded_not_moved():
    box = Box(-30, 300, 200, 200)
    picture = decoded(crop.portrait(painted((box, RED)), small(box), [], Blind()).jpeg)
    assert np.abs(picture[300:380, 5:60] - crop.FLAT).max() < 30
    assert np.abs(middle(picture, in_picture(Box(20, 300, 130, 200), box)) - RED).max() < 60


def test_the_portrait_is_cut_from_the_large_frame():
    box = Box(500, 300, 240, 240)
    frame = painted((box, RED))
    frame = Frame(small=np.zeros_like(frame.small), large=frame.large)
    portrait = crop.portrait(frame, small(box), [], Blind())
    assert np.abs(middle(decoded(portrait.jpeg), in_picture(box, box)) - RED).max() < 40
    assert portrait.box == (500, 300, 240, 240)


def test_the_landmarks_are_given_in_the_picture():
    (face,) = united().find(frame_of(Person(640, 480, 250)).small).faces
    portrait = crop.portrait(frame_of(Person(640, 480, 250)), face, [], united())
    (again,) = united().find(decoded(portrait.jpeg).astype(np.uint8)).faces
    for there, here in zip(again.landmarks[:4], portrait.landmarks[:4], strict=True):
        assert abs(there[0] - here[0]) < 20
        assert abs(there[1] - here[1]) < 20
    assert portrait.measures.eye_distance == pytest.approx(again.landmarks[1][0] - again.landmarks[0][0], rel=0.15)


# -- Everybody else ----------------------------------------------------------------------------------------------------


@pytest.mark.red_line(6)
@settings(deadline=None, max_examples=40)
@given(boxes, st.lists(boxes, max_size=4))
def test_no_pixel_of_another_face_is_in_the_portrait_and_the_chosen_core_is_whole(chosen, others):
    frame = painted((chosen, RED), *((box, GREEN) for box in others))
    picture = decoded(crop.portrait(frame, small(chosen), map(small, others), Blind()).jpeg)
    assert not greenish(picture).any()
    kept = in_picture(chosen, chosen)
    for across in (-0.3, 0, 0.3):
        for down in (-0.3, 0, 0.3):
            x, y = kept.x + kept.w * (0.5 + across), kept.y + kept.h * (0.5 + down)
            left, top, width, height = crop.region(chosen)
            seen_x, seen_y = left + x * width / 480, top + y * height / 640
            if 4 <= seen_x < LARGE[0] - 4 and 4 <= seen_y < LARGE[1] - 4 and min(kept.w, kept.h) > 60:
                assert np.abs(picture[int(y), int(x)] - RED).max() < 90


@pytest.mark.red_line(6)
def test_the_test_above_would_see_another_face():
    chosen, other = Box(500, 300, 200, 200), Box(720, 300, 120, 120)
    picture = decoded(crop.portrait(painted((chosen, RED), (other, GREEN)), small(chosen), [], Blind()).jpeg)
    assert greenish(picture).sum() > 1000


@pytest.mark.red_line(6)
def test_another_face_is_filled_with_one_flat_colour_not_blurred():
    chosen, other = Person(560, 450, 200), Person(800, 420, 120)
    frame = frame_of(chosen, other)
    picture = decoded(crop.portrait(frame, on_small(chosen), [on_small(other)], Blind()).jpeg)
    filled = middle(picture, in_picture(other.box, chosen.box), 0.8)
    assert filled.size
    assert np.abs(filled - crop.FLAT).max() <= 12


def test_another_faces_forehead_and_chin_go_too():
    chosen, other = Box(500, 300, 200, 200), Box(760, 320, 100, 100)
    head = Box(other.x + 25, other.y - 25, 50, 150)
    picture = decoded(crop.portrait(painted((chosen, RED), (head, GREEN)), small(chosen), [small(other)], Blind()).jpeg)
    assert not greenish(picture).any()


def test_a_head_beside_the_chosen_one_does_not_cost_its_hair():
    chosen, other = Box(500, 300, 200, 200), Box(740, 300, 200, 200)
    hair = Box(680, 280, 30, 60)
    picture = decoded(crop.portrait(painted((hair, GREEN), (chosen, RED)), small(chosen), [small(other)], Blind()).jpeg)
    assert greenish(middle(picture, in_picture(hair, chosen), 0.5)).all()


@pytest.mark.red_line(6)
@pytest.mark.parametrize("first", [0, 1, 2])
def test_of_several_people_the_portrait_holds_the_chosen_one_alone(first):
    people = Person(360, 420, 170), Person(640, 470, 200, mirrored=True), Person(900, 400, 150)
    frame, chosen = frame_of(*people), people[first]
    found = united().find(frame.small)
    face = max(found.faces, key=lambda face: face.box.overlap(on_small(chosen).box))
    portrait = crop.portrait(frame, face, found.others(face), united())
    (alone,) = united().find(decoded(portrait.jpeg).astype(np.uint8)).faces
    assert abs(alone.box.centre[0] - 240) < 40


@pytest.mark.red_line(6)
def test_a_face_too_small_for_the_frame_is_found_in_the_cut_and_destroyed():
    chosen, far = Person(640, 480, 180), Person(640, 690, 46, mirrored=True)
    frame = frame_of(chosen, far)
    found = united().find(frame.small)
    (face,) = found.faces
    assert not any(faint.box.overlap(on_small(far).box) > 0.1 for faint in found.faint)
    portrait = crop.portrait(frame, face, found.others(face), united())
    destroyed = middle(decoded(portrait.jpeg), in_picture(far.box, Box(*portrait.box)), 0.7)
    assert np.abs(destroyed - crop.FLAT).max() <= 12


@pytest.mark.red_line(7)
def test_the_frame_is_left_as_it_was_and_no_file_is_opened_for_writing():
    frame = frame_of(Person(500, 420, 200), Person(760, 420, 150))
    before, opened = frame.large.copy(), []
    watching = True

    def watch(event, args):
        if watching and event == "open" and args[2] & 3:  # not read-only
            opened.append(args[0])

    sys.addaudithook(watch)
    found = united().find(frame.small)
    crop.portrait(frame, found.faces[0], found.others(found.faces[0]), united())
    crop.centre(frame, found.faint, united())
    watching = False
    assert opened == []
    assert (frame.large == before).all()


@pytest.mark.red_line(7)
def test_a_portrait_in_a_log_line_shows_no_pixels():
    person = Person(640, 480, 250)
    portrait = crop.portrait(frame_of(person), on_small(person), [], Blind())
    assert "JFIF" not in f"{portrait!r} {portrait}"


# -- The guide oval ----------------------------------------------------------------------------------------------------


@pytest.mark.red_line(5)
def test_whom_nobody_finds_may_choose_the_guide_oval():
    oval = crop.GUIDE.scaled(*LARGE)
    portrait = crop.centre(painted((oval, RED)), [], Blind())
    assert np.abs(middle(decoded(portrait.jpeg), in_picture(oval, oval)) - RED).max() < 40
    assert (portrait.width, portrait.height, portrait.landmarks) == (480, 640, ())
    assert (portrait.measures.eye_distance, portrait.measures.yaw) == (None, None)


@pytest.mark.red_line(6)
def test_beside_the_guide_oval_others_are_destroyed_and_the_person_in_it_is_not():
    oval = crop.GUIDE.scaled(*LARGE)
    person, other = grown(oval, -0.1), Box(900, 380, 120, 120)
    frame = painted((person, RED), (other, GREEN))
    picture = decoded(crop.centre(frame, [small(person), small(other)], Blind()).jpeg)
    assert not greenish(picture).any()
    assert np.abs(middle(picture, in_picture(person, oval)) - RED).max() < 60
