"""Reads face annotations in COCO format (cocodataset.org, 'Data format'): boxes, and which to ignore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from edge_agent.errors import AnnotationsError
from edge_agent.vision.face import Box

if TYPE_CHECKING:
    from pathlib import Path

Pixels = Annotated[int, msgspec.Meta(gt=0)]
Length = Annotated[float, msgspec.Meta(gt=0)]


class Image(msgspec.Struct, frozen=True):
    """A picture; other fields of COCO are passed over."""

    id: int | str
    file_name: str
    width: Pixels
    height: Pixels


class Annotation(msgspec.Struct, frozen=True):
    """A face: `bbox` is left, top, width, height in pixels. `iscrowd` 1 means neither asked for nor a fault to find.

    `flags` is an extension: words for what makes a face hard, such as `mask`.
    """

    image_id: int | str
    bbox: tuple[float, float, Length, Length]
    iscrowd: Annotated[int, msgspec.Meta(ge=0, le=1)] = 0
    flags: tuple[str, ...] = ()

    @property
    def box(self) -> Box:
        """The face's box in pixels."""
        return Box(*self.bbox)


class Coco(msgspec.Struct, frozen=True):
    """A file of annotations."""

    images: tuple[Image, ...]
    annotations: tuple[Annotation, ...]

    def __post_init__(self) -> None:
        """Refuse a file without images, or with a face on an unknown image."""
        known = {image.id for image in self.images}
        if not known:
            raise ValueError("there is no image in it")
        if lost := next((face.image_id for face in self.annotations if face.image_id not in known), None):
            raise ValueError(f"a face is on image {lost}, which is not in it")

    def faces(self, image: Image) -> tuple[Annotation, ...]:
        """All annotations of an image."""
        return tuple(face for face in self.annotations if face.image_id == image.id)


def read(path: Path) -> Coco:
    """Read annotations. Raises AnnotationsError, naming the file and the fault."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Coco)
    except OSError as fault:
        raise AnnotationsError(
            f"The annotations {path} can't be read: {fault.strerror}", next_step="Name a COCO file."
        ) from fault
    except msgspec.ValidationError as fault:
        raise AnnotationsError(
            f"{path} is not a COCO file of boxes: {fault}", next_step="Correct that place in it."
        ) from fault
    except msgspec.DecodeError as fault:
        raise AnnotationsError(f"{path} is not JSON: {fault}", next_step="Name a COCO file.") from fault
