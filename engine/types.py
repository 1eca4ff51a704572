"""The values that pass between the steps of the engine.

Array conventions: H W C uint8 RGB for pictures, (x, y) float32 frame pixels for points, float32
in [0, 1] for masks (1 = repaint, 0 = keep). Pixel centres lie at integer coordinates, as in OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]

CROP_SIZE = 256
"""Side of the aligned crop that the networks see, in pixels."""


@dataclass(frozen=True)
class Face:
    """One detected face.

    Attributes:
        bbox: (4,) float32: x0, y0, x1, y1 in frame pixels.
        score: Detector confidence in [0, 1].
        landmarks: (5, 2) float32: the eye at the left of the picture, the other eye, nose tip,
            left and right mouth corner (left = smaller x on an upright face), in frame pixels.
    """

    bbox: F32
    score: float
    landmarks: F32

    @property
    def height(self) -> float:
        """Height of the box in frame pixels."""
        return float(self.bbox[3] - self.bbox[1])


@dataclass(frozen=True)
class FaceCrop:
    """A face warped into the networks' frame, with what the segmenter said.

    Attributes:
        face: The face it was cut from.
        frame_to_crop: (2, 3) float32 similarity from frame pixels to crop pixels.
        crop: (256, 256, 3) uint8 RGB.
        mask: (256, 256) float32 in [0, 1]; 1 = repaint.
        zoom: 1 where the face lies on the template; below, the face is that much smaller in the
            crop, so that a mask that hangs below the chin fits in.
    """

    face: Face
    frame_to_crop: F32
    crop: U8
    mask: F32
    zoom: float = 1.0

    @property
    def mask_share(self) -> float:
        """Share of the crop's area that the mask covers, in [0, 1]."""
        return float(self.mask.mean())

    @property
    def side_px(self) -> float:
        """Side of the crop measured in frame pixels."""
        scale = float(np.hypot(self.frame_to_crop[0, 0], self.frame_to_crop[1, 0]))
        return CROP_SIZE / scale


@dataclass(frozen=True)
class Patch:
    """Paint for one face at frame resolution, not yet blended.

    Attributes:
        x: Column of the patch's left edge in the frame.
        y: Row of the patch's top edge in the frame.
        rgb: (h, w, 3) float32 RGB in [0, 255].
        alpha: (h, w) float32 in [0, 1]; samples where it is 0 must stay as decoded.
    """

    x: int
    y: int
    rgb: F32
    alpha: F32


class FaceStatus(StrEnum):
    """What was done with a face, and why."""

    CHANGED = "changed"
    NO_MASK = "no mask"
    TOO_SMALL = "too small"
    NOT_SELECTED = "not selected"


@dataclass(frozen=True)
class FaceResult:
    """What was done with one face.

    Attributes:
        number: As ``--preview`` numbers them, from 1: left to right in a still, by first
            appearance in a video.
        face: The face.
        status: What was done.
        mask_share: Share of the crop the mask covers, in [0, 1]; 0 where none was looked for.
        side_px: Side of the aligned crop in frame pixels; above 512 the paint is enlarged from
            256 px and grain and sharpness are matched.
    """

    number: int
    face: Face
    status: FaceStatus
    mask_share: float = 0.0
    side_px: float = 0.0


@dataclass(frozen=True)
class Result:
    """A picture without masks.

    Attributes:
        image: (H, W, 3) uint8 RGB; outside the patches equal to the input bit for bit.
        patches: The paint, for writers that keep 16-bit or planar samples.
        faces: What was done with each face, ordered by number.
        mask: (H, W) float32 in [0, 1]: the union of the faces' blend weights.
    """

    image: U8
    patches: list[Patch] = field(repr=False)
    faces: list[FaceResult]
    mask: F32 = field(repr=False)
