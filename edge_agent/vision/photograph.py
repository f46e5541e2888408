"""Photographs that stand in for the camera's frames, in the demonstration and in tests."""

from __future__ import annotations

import struct
import warnings
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from edge_agent.errors import CameraError
from edge_agent.ports import Frame

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.ports import Rgb

MAX_PIXELS: Final = 50_000_000
MIN_SIDE: Final = 64  # pixels; a face in less is no face
FORMATS: Final = ("JPEG", "PNG", "WEBP")
LARGE: Final = (1280, 960)  # width and height of the streams that a kiosk's camera gives
SMALL: Final = (320, 240)

_USE_ANOTHER: Final = f"Use a JPEG, PNG or WebP photograph of at least {MIN_SIDE} x {MIN_SIDE} pixels."
_DAMAGED: Final = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error, zlib.error)


def load(path: Path) -> Rgb:
    """Read a photograph, upright, as RGB uint8 [height, width, 3].

    Raises CameraError, naming the file and the fault: missing, no photograph, too large, too small, cut off.
    """
    if path.is_dir():
        raise CameraError(f"{path} is a folder, not a photograph", next_step="Name a file in it.")
    try:
        with path.open("rb") as file:
            return _read(file, path)
    except FileNotFoundError:
        raise CameraError(f"The photograph {path} is not there", next_step="Check its name.") from None
    except OSError as fault:
        raise CameraError(f"{path} can't be read: {fault.strerror}", next_step="Check its rights.") from fault


def _read(file: BinaryIO, path: Path) -> Rgb:
    """Judge a photograph by its header before a pixel is decoded; then decode it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            image = Image.open(file, formats=FORMATS)
        _check_size(*image.size, path)
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except Image.DecompressionBombError:
        raise _too_large(path) from None
    except UnidentifiedImageError:
        raise CameraError(f"{path} is not a photograph that can be read", next_step=_USE_ANOTHER) from None
    except _DAMAGED as fault:
        raise CameraError(
            f"{path} is damaged or cut off: it can't be decoded to its end", next_step="Copy it again, or use another."
        ) from fault


def _check_size(width: int, height: int, path: Path) -> None:
    if width * height > MAX_PIXELS:
        raise _too_large(path)
    if min(width, height) < MIN_SIDE:
        raise CameraError(f"{path} is too small: {width} x {height} pixels", next_step=_USE_ANOTHER)


def _too_large(path: Path) -> CameraError:
    return CameraError(
        f"{path} is too large: more than {MAX_PIXELS // 1_000_000} megapixels", next_step="Make it smaller first."
    )


def as_frame(rgb: Rgb, large: tuple[int, int] = LARGE, small: tuple[int, int] = SMALL) -> Frame:
    """Make a camera's frame of a photograph: whole, centred, black bars where its shape differs from the streams'.

    `large` and `small` are width and height in pixels, of one aspect ratio.
    """
    whole = ImageOps.pad(Image.fromarray(rgb), large, Image.Resampling.BICUBIC, color=(0, 0, 0))
    return Frame(small=np.asarray(whole.resize(small, Image.Resampling.BILINEAR)), large=np.asarray(whole))
