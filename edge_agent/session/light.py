"""What the lit button and the two status lights say of a scene, for kiosks with a screen and without."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from edge_agent.session.table import Stage

if TYPE_CHECKING:
    from edge_agent.session.scene import Scene


class Light(StrEnum):
    """One thing that the lights can say."""

    OFF = "off"
    READY = "ready"  # at rest, a report can be taken
    ASKING = "asking"  # waiting for the person
    SEEING = "seeing"  # the camera is on
    SENT = "sent"  # sealed, and on its way
    NOTHING_KEPT = "nothing_kept"
    CANNOT = "cannot"  # can't take a report now


def light(scene: Scene) -> Light:
    """Choose what the lights say. While the camera sees, they say that before all else."""
    if scene.camera_on:
        return Light.SEEING
    match scene.stage:
        case Stage.REST:
            return Light.CANNOT if scene.code else Light.READY
        case Stage.CANNOT:
            return Light.CANNOT
        case Stage.NOTHING_KEPT | Stage.TAKEN_BACK:
            return Light.NOTHING_KEPT
        case Stage.DONE:
            return Light.SENT
        case _:
            return Light.ASKING
