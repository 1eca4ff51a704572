"""Faces of a frame -> aligned crops, each with the mask that is to be repainted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .align import ZOOM_MIN, crop_matrix, warp_face, zoom_out
from .edge import grow_to_edge
from .face_area import close_gaps, is_cut_off, own_covering, share_mask
from .segment import Segmenter
from .types import CROP_SIZE, F32, U8, Face, FaceCrop

ZOOM_STEP, ZOOM_STEPS = 0.86, 2
"""By how much, and how often, a face is made smaller whose mask does not fit into the crop."""


def crops_with_coverings(
    segmenter: Segmenter, frames: Sequence[U8], faces: Sequence[Face], zooms: Sequence[float]
) -> list[FaceCrop]:
    """Align faces and look for what each wears.

    A covering that the crop's lower edge cuts off is looked at again in a smaller face.

    Args:
        segmenter: Finds coverings.
        frames: The picture of each face, (H, W, 3) uint8 RGB.
        faces: The faces.
        zooms: Zoom of each face to begin with; 1 is the template's size.

    Returns:
        One crop per face, in the same order; its mask holds only what this face wears.
    """
    crops = _segmented(segmenter, _aligned(frames, faces, zooms))
    for _ in range(ZOOM_STEPS):
        cut = [i for i, c in enumerate(crops) if c.zoom > ZOOM_MIN and _is_cut_off(segmenter, c)]
        if not cut:
            break
        smaller = [max(crops[i].zoom * ZOOM_STEP, ZOOM_MIN) for i in cut]
        again = _segmented(
            segmenter, _aligned([frames[i] for i in cut], [faces[i] for i in cut], smaller)
        )
        for i, crop in zip(cut, again, strict=True):
            crops[i] = crop
    return crops


def crops_under(mask: F32, frame: U8, faces: Sequence[Face]) -> list[FaceCrop]:
    """Align faces under a mask that is known.

    Args:
        mask: (H, W) float32 in [0, 1]; 1 = repaint.
        frame: (H, W, 3) uint8 RGB.
        faces: Faces of that frame.

    Returns:
        One crop per face, in the same order.
    """
    return share_among(_aligned([frame] * len(faces), faces, [1.0] * len(faces)), mask)


def share_among(crops: Sequence[FaceCrop], mask: F32) -> list[FaceCrop]:
    """The crops of one picture, each with its part of a mask that was drawn over the whole of it.

    Args:
        crops: Faces of that picture.
        mask: (H, W) float32 in [0, 1]; 1 = repaint.
    """
    shares = share_mask(mask, [crop.frame_to_crop for crop in crops])
    return [replace(crop, mask=part) for crop, part in zip(crops, shares, strict=True)]


def _is_cut_off(segmenter: Segmenter, crop: FaceCrop) -> bool:
    return segmenter.claims(crop.mask) and is_cut_off(crop.mask)


def _segmented(segmenter: Segmenter, crops: Sequence[FaceCrop]) -> list[FaceCrop]:
    found = segmenter.masks([crop.crop for crop in crops])
    masks = [close_gaps(own_covering(mask)) for mask in found]
    # Only what is claimed grows: specks on a bare face must not become a mask by it.
    masks = [
        grow_to_edge(crop.crop, mask) if segmenter.claims(mask) else mask
        for crop, mask in zip(crops, masks, strict=True)
    ]
    return [replace(crop, mask=mask) for crop, mask in zip(crops, masks, strict=True)]


_NO_MASK = np.zeros((CROP_SIZE, CROP_SIZE), np.float32)


def _aligned(frames: Sequence[U8], faces: Sequence[Face], zooms: Sequence[float]) -> list[FaceCrop]:
    """One crop per face, with the picture it is in; read-only, so that a GPU may keep it."""
    crops = []
    for frame, face, zoom in zip(frames, faces, zooms, strict=True):
        matrix = zoom_out(crop_matrix(face.landmarks), zoom)
        crop = warp_face(frame, matrix)
        crop.flags.writeable = False
        crops.append(FaceCrop(face, matrix, crop, _NO_MASK, zoom))
    return crops
