"""One picture to its faces: found, judged fit for training or not, cut out as in use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from ecgan.engine.align import crop_matrix, warp_face
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import CROP_SIZE, F32, U8, Face

from .surround import continue_photo

NOSE_SPAN = (-0.1, 1.1)
"""Place of the nose along the line between the eyes outside which a head is turned away."""


class Drop(StrEnum):
    """Why a face, or a picture, is not used."""

    UNREADABLE = "unreadable"
    NO_FACE = "no face"
    TOO_SMALL = "too small"
    TURNED_AWAY = "turned away"
    MASKED = "wears a mask"


@dataclass(frozen=True)
class AlignedFace:
    """A face as training reads it.

    Attributes:
        crop: (256, 256, 3) uint8 RGB.
        landmarks: (5, 2) float32 in pixels of the crop.
        photo: (4, 2) float32 corners of the photo in the crop; None where it fills the crop.
        native_px: Side of the crop in pixels of the photo.
    """

    crop: U8
    landmarks: F32
    photo: F32 | None
    native_px: float


def align_faces(
    image: U8, unmasker: Unmasker, *, min_face: int, every: bool
) -> list[AlignedFace | Drop]:
    """Look at one picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        unmasker: Its detector and segmenter are used.
        min_face: Least height of a face's box in pixels.
        every: Take every face of the picture; else the largest.

    Returns:
        What became of each face; one ``Drop.NO_FACE`` where there is none.
    """
    faces = unmasker.detect(image)
    if not faces:
        return [Drop.NO_FACE]
    if not every:
        faces = [max(faces, key=lambda face: face.height)]
    return [_align(image, face, unmasker, min_face) for face in faces]


def _align(image: U8, face: Face, unmasker: Unmasker, min_face: int) -> AlignedFace | Drop:
    if face.height < min_face:
        return Drop.TOO_SMALL
    if not NOSE_SPAN[0] < _nose_place(face.landmarks) < NOSE_SPAN[1]:
        return Drop.TURNED_AWAY
    [found] = unmasker.crop(image, [face])
    if unmasker.segmenter.claims(found.mask):
        return Drop.MASKED
    matrix = crop_matrix(face.landmarks)
    crop, photo = warp_face(image, matrix), _photo_corners(image, matrix)
    return AlignedFace(
        crop=crop if photo is None else continue_photo(crop, photo),
        landmarks=_moved(face.landmarks, matrix),
        photo=photo,
        native_px=CROP_SIZE / float(np.hypot(matrix[0, 0], matrix[1, 0])),
    )


def _nose_place(landmarks: F32) -> float:
    """0 where the nose lies below the left eye, 1 below the right one."""
    across = landmarks[1] - landmarks[0]
    return float((landmarks[2] - landmarks[0]) @ across / max(float(across @ across), 1e-6))


def _moved(points: F32, matrix: F32) -> F32:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)


def _photo_corners(image: U8, frame_to_crop: F32) -> F32 | None:
    height, width = image.shape[:2]
    low, right, bottom = -0.5, width - 0.5, height - 0.5
    frame = np.array([[low, low], [right, low], [right, bottom], [low, bottom]], np.float32)
    corners = _moved(frame, frame_to_crop)
    side = CROP_SIZE - 1
    crop = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    inside = [cv2.pointPolygonTest(corners, (float(x), float(y)), False) >= 0 for x, y in crop]
    return None if all(inside) else corners
