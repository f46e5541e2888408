"""The face finder beside MediaPipe's Python API 0.10.21: the same two models, the same frames, one processor core.

    .venv-bench/bin/python -m tests.bench.finder --json -

prints one JSON line per figure. MediaPipe gives its models' finds apart; a face counts as found by it when either model
finds it. It is asked for the thresholds of our manifest, but its full-range graph was seen to keep a floor of its own,
whatever it is asked for: a part of the gap in recall is that floor, the rest is how the frame is made smaller.
`--annotations` and `--images` judge recall on photographs of one's own (COCO format) instead of on the built frames.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from edge_agent.vision import manifest
from edge_agent.vision.face import Box
from edge_agent.vision.finder import load_detector
from edge_agent.vision.framing import Framing
from edge_agent.vision.photograph import load
from tests.bench.figures import Figure, at_least, at_most, tell, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edge_agent.ports import Rgb

WIDTH, HEIGHT = 640, 480
ASTRONAUTS_FACE = Box(173, 72, 101, 101)  # by eye, brows to chin, in the photograph's 512 x 512 pixels
FACE_WIDTHS = (0.06, 0.09, 0.12, 0.18, 0.25)  # of the frame: from 2 m to half a metre with a 62 degree lens
MATCH = 0.4  # intersection over union from which a find is that face
ROUNDS = 30
MOST_TIME, MOST_FRAMING = 1.1, 0.6  # what we promise


@dataclass(frozen=True)
class Scene:
    """A frame, and the faces that are in it."""

    rgb: Rgb
    faces: tuple[Box, ...]


def built_scenes(photograph: Path) -> Iterator[Scene]:
    """Place the photograph, in several sizes, mirrored or not, in four places of a frame."""
    whole = Image.fromarray(load(photograph))
    for face_width in FACE_WIDTHS:
        scale = face_width * WIDTH / ASTRONAUTS_FACE.w
        face = ASTRONAUTS_FACE.scaled(scale, scale)
        size = round(whole.width * scale), round(whole.height * scale)
        for mirrored in (False, True):
            person = whole.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else whole
            shown = Box(size[0] - face.x - face.w, face.y, face.w, face.h) if mirrored else face
            for x in (0.2, 0.4, 0.6, 0.8):
                left, top = round(x * WIDTH - shown.centre[0]), round(0.4 * HEIGHT - shown.centre[1])
                frame = Image.new("RGB", (WIDTH, HEIGHT), (90, 100, 110))
                frame.paste(person.resize(size, Image.Resampling.LANCZOS), (left, top))
                yield Scene(np.array(frame), (shown.moved(left, top),))


def real_scenes(annotations: Path, images: Path) -> Iterator[Scene]:
    """Read photographs and their faces from a COCO file; faces to be ignored are left out."""
    coco = json.loads(annotations.read_text())
    for image in coco["images"]:
        marked = [a for a in coco["annotations"] if a["image_id"] == image["id"] and not a.get("iscrowd")]
        yield Scene(load(images / image["file_name"]).copy(), tuple(Box(*a["bbox"]) for a in marked))


class MediaPipe:
    """MediaPipe's two face detectors, called one after the other."""

    def __init__(self, short_range: float, full_range: float) -> None:
        from mediapipe.python.solutions.face_detection import FaceDetection

        self.short_range = FaceDetection(model_selection=0, min_detection_confidence=short_range)
        self.full_range = FaceDetection(model_selection=1, min_detection_confidence=full_range)

    def find(self, rgb: Rgb) -> list[Box]:
        height, width = rgb.shape[:2]
        return [
            Box(part.xmin, part.ymin, part.width, part.height).scaled(width, height)
            for model in (self.short_range, self.full_range)
            for part in (found.location_data.relative_bounding_box for found in model.process(rgb).detections or ())
        ]


def milliseconds(rounds: int, scenes: Sequence[Scene], *contestants: Callable[[Rgb], object]) -> list[float]:
    """Show each frame to all contestants in turn; give each one's mean over the frames, as a median over the rounds."""
    means: list[list[float]] = [[] for _ in contestants]
    gc.disable()
    for _ in range(rounds):
        spent = [0.0] * len(contestants)
        for scene in scenes:
            for n, contestant in enumerate(contestants):
                start = perf_counter()
                contestant(scene.rgb)
                spent[n] += perf_counter() - start
        for mean, seconds in zip(means, spent, strict=True):
            mean.append(1000 * seconds / len(scenes))
    gc.enable()
    return [median(mean) for mean in means]


def recall(scenes: Sequence[Scene], find: Callable[[Rgb], Sequence[Box]]) -> float:
    """Give the part of the known faces that some find overlaps."""
    hits = [any(face.overlap(box) >= MATCH for box in find(scene.rgb)) for scene in scenes for face in scene.faces]
    return sum(hits) / len(hits)


def measure(judged: Sequence[Scene], timed: Sequence[Scene], rounds: int) -> list[Figure]:
    """Measure all promises about the finder."""
    facts = manifest.load()
    ours, full = load_detector("united", facts), load_detector("full_range", facts)
    theirs = MediaPipe(**{look.model: look.threshold for look in facts.facts.detectors["united"].looks})
    framing = Framing(ours)
    contestants = ours.find, theirs.find, full.find, theirs.full_range.process, framing.find
    ours_ms, theirs_ms, full_ms, their_full_ms, framing_ms = milliseconds(rounds, timed, *contestants)
    our_recall = recall(judged, lambda rgb: [face.box for face in ours.find(rgb).faces])
    their_recall = recall(judged, theirs.find)
    time, cost = ours_ms / theirs_ms, framing_ms / min(full_ms, their_full_ms)
    return [
        at_most("finder: time over MediaPipe's", time, MOST_TIME, "ratio"),
        told("finder: ours, both models and all around them", ours_ms, "ms a frame"),
        told("finder: MediaPipe's Python API, the same two", theirs_ms, "ms a frame"),
        at_least("finder: recall, beside MediaPipe's", our_recall, their_recall, "of the faces"),
        at_most("finder: framing over the full-range model", cost, MOST_FRAMING, "ratio"),
    ]


def run(annotations: Path | None = None, images: Path | None = None, rounds: int = ROUNDS) -> list[Figure]:
    """Measure on one processor core, so that MediaPipe's own threads gain nothing."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    built = list(built_scenes(manifest.load().path("photograph")))
    judged = list(real_scenes(annotations, images)) if annotations and images else built
    return measure(judged, built, rounds)


def main() -> None:
    """Measure, and print a JSON line per figure."""
    parser = argparse.ArgumentParser(description="The face finder beside MediaPipe's.")
    parser.add_argument("--json", default="-", choices=["-"], help="JSON lines, on the standard output")
    parser.add_argument("--annotations", type=Path, help="judge recall on these COCO annotations")
    parser.add_argument("--images", type=Path, help="the folder of their images")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    args = parser.parse_args()
    tell(run(args.annotations, args.images, args.rounds), sys.stdout)


if __name__ == "__main__":
    main()
