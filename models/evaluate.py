"""Judges a detector of the manifest on annotated photographs.

python -m models.evaluate --annotations A.json --images DIR [--detector united] [--threshold T] [--json FILE]

With `--json -` the JSON goes to the standard output and the table to the standard error.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge_agent.errors import AnnotationsError, HomewardError
from edge_agent.vision import manifest, photograph
from edge_agent.vision.finder import load_detector
from models import coco, metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.ports import Rgb
    from edge_agent.vision.finder import Finder

FLOOR: Final = 0.05  # average precision counts finds from this score


def evaluate(detector: Finder, annotations: coco.Coco, images: Path, threshold: float | None) -> dict[str, Any]:
    """Judge a detector at its own thresholds, or at `threshold`, and over all scores for the average precision.

    Raises CameraError or AnnotationsError for an image that can't be read or has another size than annotated.
    """
    judged, ranked, model_ms, total_ms = [], [], [], []
    for image in annotations.images:
        rgb = _picture(images / image.file_name, image)
        known = [metrics.Known(face.box, bool(face.iscrowd), face.flags) for face in annotations.faces(image)]
        total_ms.append(_milliseconds(lambda rgb=rgb: detector.find(rgb, threshold)))  # type: ignore[misc]
        model_ms.append(sum(_milliseconds(part.model.infer) for part in detector.parts))
        judged.append(metrics.judge(image.width, known, detector.find(rgb, threshold).faces))
        ranked.append(metrics.judge(image.width, known, detector.find(rgb, FLOOR).faces))
    return {
        "detector": detector.name,
        "images": len(judged),
        "faces": sum(len(image.faces) for image in judged),
        "ap": metrics.average_precision(ranked),
        **metrics.summary(judged),
        "by_width": metrics.recall_by_width(judged),
        "by_flag": metrics.recall_by_flag(judged),
        "model_ms": median(model_ms),
        "total_ms": median(total_ms),
    }


def _picture(path: Path, image: coco.Image) -> Rgb:
    rgb = photograph.load(path)
    if rgb.shape[:2] != (image.height, image.width):
        raise AnnotationsError(
            f"{path} has {rgb.shape[1]} x {rgb.shape[0]} pixels, its annotations mean {image.width} x {image.height}",
            next_step="Use the image that was annotated.",
        )
    return rgb


def _milliseconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return (perf_counter() - start) * 1000


def table(result: dict[str, Any]) -> str:
    """Lay the figures out, one a line."""
    lines = [f"{result['detector']}: {result['faces']} faces on {result['images']} images, IoU {metrics.MATCH}"]
    names = ("ap", "recall", "precision", "largest_face_recall", "false_per_empty_image")
    lines += [f"  {name.replace('_', ' '):24}{_figure(result[name])}" for name in names]
    for title, group in (("face width / frame", result["by_width"]), ("flag", result["by_flag"])):
        lines += [f"  recall by {title}", *(f"    {k:22}{_figure(part)}  of {n}" for k, (part, n) in group.items())]
    return "\n".join([*lines, f"  {'model, total ms':24}{result['model_ms']:.2f}, {result['total_ms']:.2f}"])


def _figure(value: float | None) -> str:
    return "    -" if value is None else f"{value:.3f}"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate", description="Judge a face detector.")
    parser.add_argument("--annotations", type=Path, required=True, help="faces in COCO format")
    parser.add_argument("--images", type=Path, required=True, help="the folder of the images that it names")
    parser.add_argument("--detector", default="united", help="a detector of models/manifest.toml (default: united)")
    parser.add_argument(
        "--threshold", type=float, help="a score of the models, from 0 to 1, in place of their thresholds"
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON; - is the standard output")
    args = parser.parse_args(arguments)
    if args.threshold is not None and not 0 < args.threshold < 1:
        parser.error("--threshold is a score between 0 and 1")
    try:
        detector = load_detector(args.detector, manifest.load())
        result = evaluate(detector, coco.read(args.annotations), args.images, args.threshold)
    except HomewardError as fault:
        print(fault.explain(), file=sys.stderr)
        return 1
    written = msgspec.json.format(msgspec.json.encode(result), indent=2).decode()
    print(table(result), file=sys.stderr if args.json == "-" else sys.stdout)
    if args.json == "-":
        print(written)
    elif args.json:
        Path(args.json).write_text(written + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
