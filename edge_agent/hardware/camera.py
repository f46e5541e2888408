"""The real camera, through picamera2 on libcamera.

Configured once, started and stopped freely: a loop that configures anew hung after a few rounds in the virtual kiosk.
Every wait has a limit, since a camera that stops giving frames leaves picamera2's calls hanging for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_agent.errors import CameraError
from edge_agent.ports import Frame

if TYPE_CHECKING:
    from edge_agent.config import Streams
    from edge_agent.ports import Rgb

_FORMAT: Final = "NV12"  # both of the Pi's ISPs and the virtual pipeline give it
_BUFFERS: Final = 3


class PiCamera:
    """One camera with two streams."""

    def __init__(self, streams: Streams) -> None:
        try:
            from libcamera import ColorSpace  # noqa: PLC0415
            from picamera2 import Picamera2  # noqa: PLC0415 - takes seconds to import, and only a kiosk has it
        except ImportError as fault:
            raise CameraError(
                f"picamera2 is not installed: {fault}", next_step="Install Debian's python3-picamera2 on the kiosk."
            ) from fault
        self._streams = streams
        self._running = False
        try:
            self._camera: Any = Picamera2()
            self._camera.configure(
                self._camera.create_video_configuration(
                    main={"format": _FORMAT, "size": streams.large},
                    lores={"format": _FORMAT, "size": streams.small},
                    colour_space=ColorSpace.Sycc(),
                    buffer_count=_BUFFERS,
                    queue=False,
                )
            )
        except (IndexError, RuntimeError, OSError) as fault:  # IndexError: picamera2's word for 'no camera'
            raise CameraError(
                f"the camera can't be opened: {fault}",
                next_step="Check its cable; `rpicam-hello --list-cameras` lists it.",
            ) from fault

    @property
    def running(self) -> bool:
        """Whether frames are being taken now."""
        return self._running

    def start(self) -> None:
        """Begin to take frames."""
        try:
            self._camera.start()
        except (RuntimeError, OSError) as fault:
            raise CameraError(f"the camera does not start: {fault}") from fault
        self._running = True

    def capture(self, timeout: float) -> Frame:
        """Take the next frame, waiting at most `timeout` seconds."""
        if not self._running:
            raise CameraError("the camera is not running")
        try:
            request = self._camera.capture_request(wait=timeout)
        except TimeoutError as fault:
            self._camera.cancel_all_and_flush()  # picamera2 would have `stop` wait behind this call for ever
            raise CameraError(f"no frame came within {timeout:g} s", next_step="Check the camera's cable.") from fault
        try:
            return Frame(
                small=nv12_to_rgb(request.make_array("lores"), self._streams.small),
                large=nv12_to_rgb(request.make_array("main"), self._streams.large),
            )
        finally:
            request.release()

    def stop(self) -> None:
        """Stop taking frames and forget the last ones."""
        if self._running:
            self._running = False
            try:
                self._camera.stop()
            except (RuntimeError, OSError) as fault:
                raise CameraError(f"the camera does not stop: {fault}") from fault

    def close(self) -> None:
        """Let go of the camera for good, also of one that does not stop. Raises CameraError."""
        try:
            self.stop()
        finally:
            try:
                self._camera.close()
            except (RuntimeError, OSError) as fault:
                raise CameraError(f"the camera does not close: {fault}") from fault


def nv12_to_rgb(planes: Rgb, size: tuple[int, int]) -> Rgb:
    """Convert NV12 to RGB by BT.601, full range, as libcamera's JPEG colour space has it.

    `planes` is uint8 [height * 3 / 2, stride], stride at least the width of `size` (width, height); the result is
    uint8 [height, width, 3]. Rows are cut at the width, since ISPs pad them to 32 or 64 bytes.
    """
    width, height = size
    luma = planes[:height, :width].astype(np.int32)
    chroma = planes[height : height * 3 // 2, :width].reshape(height // 2, width // 2, 2).astype(np.int32) - 128
    # 16.16 fixed point of 1.402, 0.344136, 0.714136, 1.772 (ITU-R BT.601)
    cb, cr = chroma[..., 0], chroma[..., 1]
    shifts = ((91881 * cr) >> 16, -((22554 * cb + 46802 * cr) >> 16), (116130 * cb) >> 16)
    rgb = np.empty((height, width, 3), np.uint8)
    for channel, shift in enumerate(shifts):
        full = shift.repeat(2, axis=0).repeat(2, axis=1)
        rgb[..., channel] = np.clip(luma + full, 0, 255)
    return rgb
