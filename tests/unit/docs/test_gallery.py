"""The README's gallery: each picture is there, is shown, and says in words what it shows."""

from __future__ import annotations

import re

from PIL import Image

from docs.pictures import gallery
from tests.unit.docs.documents import ROOT, read

MOST_BYTES = 2_000_000


def test_the_readme_shows_every_picture_with_its_words():
    shown = dict(re.findall(r"!\[([^\]]+)\]\((docs/pictures/screen/[^)]+)\)", read("README.md")))
    assert shown == {shot.shows: str(shot.path.relative_to(ROOT)) for shot in gallery.SHOTS}


def test_each_picture_is_there_and_no_other():
    assert set(gallery.FOLDER.iterdir()) == {shot.path for shot in gallery.SHOTS}


def test_together_they_are_modest():
    assert sum(shot.path.stat().st_size for shot in gallery.SHOTS) < MOST_BYTES


def test_each_picture_has_the_shape_that_its_name_says():
    for shot in gallery.SHOTS:
        width, height = map(int, re.search(r"(\d+)x(\d+)", shot.name).groups())
        with Image.open(shot.path) as seen:
            assert abs(seen.width / seen.height - width / height) < 0.01
