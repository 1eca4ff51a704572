"""Boxes and duplicates: overlap, clipping, and one box per face from several passes.

Boxes are (x0, y0, x1, y1) in frame pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types import F32, Face

SAME_FACE_IOU = 0.35
NESTED_SHARE = 0.8
NESTED_LANDMARKS = 0.6
"""Of two boxes, one of which lies in the other by this share: landmarks nearer than this, in eye
distances, are one face."""
SAME_LANDMARKS = 0.35
"""The same for boxes that lie anywhere."""
PROFILE_LANDMARKS = 0.12
"""And in heights of the lower box: the eyes of a profile are too close together to measure by. A head
that is found twice has its landmarks within 0.10 of it, another face from 0.23 on (382 photos)."""
MAX_FACES = 500
"""More in one picture means a broken detector, not a crowd."""
BEST_HEIGHT, HEIGHT_OCTAVES = 220.0, 1.0
"""Height of a face in the network's input at which its landmarks err least, and how fast that
fades. Measured on faces with drawn masks: the mean over the passes with this weight lowers the
alignment's error by a tenth to a fifth against the surest pass alone."""

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Candidates:
    """What one pass over a picture suggests, in frame pixels.

    Attributes:
        boxes: (N, 4) float32.
        scores: (N,) float32 in [0, 1].
        landmarks: (N, 5, 2) float32.
        heights: (N,) float32: height of the boxes in the network's input, in its pixels.
    """

    boxes: F32
    scores: F32
    landmarks: F32
    heights: F32

    def up_to(self, height: float) -> Candidates:
        """Those whose boxes are at most this high in the network's input."""
        low = self.heights <= height
        return Candidates(self.boxes[low], self.scores[low], self.landmarks[low], self.heights[low])


@dataclass(frozen=True)
class Suggestion:
    """One face that several passes may agree on.

    Attributes:
        box: (4,) float32: the surest pass's.
        score: Its confidence.
        landmarks: (5, 2) float32: mean over the passes, weighted by confidence and by how well
            the face's height suited the network.
        height: The largest height in the network's input at which a pass saw the face.
        evidence: Sum of the passes' confidences.
    """

    box: F32
    score: float
    landmarks: F32
    height: float
    evidence: float


def merge(passes: Sequence[Candidates]) -> list[Suggestion]:
    """Put together what several passes over one picture say about the same face.

    Returns:
        One suggestion per face, highest score first, at most ``MAX_FACES``.
    """
    boxes = np.concatenate([found.boxes for found in passes])
    scores = np.concatenate([found.scores for found in passes])
    landmarks = np.concatenate([found.landmarks for found in passes])
    heights = np.concatenate([found.heights for found in passes])
    looked = np.concatenate([np.full(len(one.scores), i) for i, one in enumerate(passes)])
    faces = []
    for best, same in _groups(boxes, scores, landmarks)[:MAX_FACES]:
        members = _best_of_each_pass(same, looked)
        faces.append(
            Suggestion(
                box=boxes[best],
                score=float(scores[best]),
                landmarks=_mean_landmarks(landmarks[members], scores[members], heights[members]),
                height=float(heights[members].max()),
                evidence=float(scores[members].sum()),
            )
        )
    return faces


def distinct(faces: Sequence[Face]) -> list[Face]:
    """Drop faces whose landmarks lie on those of a face before them in the list."""
    kept: list[Face] = []
    for face in faces:
        eyes = max(float(np.linalg.norm(face.landmarks[1] - face.landmarks[0])), 1.0)
        if not any(_same_landmarks(face, one, eyes) for one in kept):
            kept.append(face)
    return kept


def _same_landmarks(face: Face, other: Face, eyes: float) -> bool:
    near = max(SAME_LANDMARKS * eyes, PROFILE_LANDMARKS * min(face.height, other.height))
    return float(np.linalg.norm(face.landmarks - other.landmarks, axis=1).mean()) <= near


def overlaps(box: F32, boxes: F32) -> F32:
    """Intersection over union of one box with many.

    Args:
        box: (4,) float32.
        boxes: (N, 4) float32.

    Returns:
        (N,) float32 in [0, 1].
    """
    inner = _intersection(box, boxes)
    union = _area(box) + _area(boxes) - inner
    return np.asarray(inner / np.maximum(union, 1e-6), np.float32)


def clip(boxes: F32, width: int, height: int) -> F32:
    """Cut boxes (N, 4) float32 off at the frame's edges."""
    limits = np.array([width, height, width, height], np.float32)
    return np.asarray(np.clip(boxes, 0, limits), np.float32)


def _groups(boxes: F32, scores: F32, landmarks: F32) -> list[tuple[int, Indices]]:
    """Index of each face's surest box, and those of all boxes that show the same face.

    Two boxes are one face when they overlap much, or when one lies inside the other and their
    landmarks agree: a nested box of a real second face has its eyes elsewhere.
    """
    order = np.argsort(-scores, kind="stable")
    groups = []
    while order.size:
        best = order[0]
        same = overlaps(boxes[best], boxes[order]) > SAME_FACE_IOU
        same |= _nested(boxes[best], boxes[order], landmarks[best], landmarks[order])
        same[0] = True
        groups.append((int(best), order[same]))
        order = order[~same]
    return groups


def _nested(box: F32, boxes: F32, points: F32, others: F32) -> npt.NDArray[np.bool_]:
    inside = _intersection(box, boxes) > NESTED_SHARE * np.minimum(_area(box), _area(boxes))
    apart = np.linalg.norm(others - points, axis=2).mean(axis=1)
    eyes = float(np.linalg.norm(points[1] - points[0]))
    return np.asarray(inside & (apart < NESTED_LANDMARKS * max(eyes, 1.0)))


def _best_of_each_pass(same: Indices, looked: Indices) -> Indices:
    """Of a face's boxes (surest first) the first of each pass."""
    _, first = np.unique(looked[same], return_index=True)
    return same[np.sort(first)]


def _mean_landmarks(landmarks: F32, scores: F32, heights: F32) -> F32:
    octaves = np.log2(np.maximum(heights, 1.0) / BEST_HEIGHT)
    weights = scores * np.exp(-0.5 * (octaves / HEIGHT_OCTAVES) ** 2)
    weights = weights / max(float(weights.sum()), 1e-9)
    return np.asarray((landmarks * weights[:, None, None]).sum(axis=0), np.float32)


def _intersection(box: F32, boxes: F32) -> F32:
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[:, 0] * sides[:, 1])


def _area(boxes: F32) -> F32:
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return np.asarray(sides[..., 0] * sides[..., 1])
