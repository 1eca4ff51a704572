"""From a face to a training sample: jitter, label, region in which the picture is real."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from ecgan.engine.align import TEMPLATE_FFHQ_256, ZOOM_MIN, similarity, zoom_out
from ecgan.engine.errors import DatasetError
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import CROP_SIZE, F32, U8

from .faces import FaceRecord, FaceSet
from .sources import HULL, SURROUND

FLIP_ORDER = [1, 0, 2, 4, 3]
"""Landmarks after mirroring: left and right change places."""

JITTER_DEGREES, JITTER_SCALE, JITTER_SHIFT = 2.5, 0.065, 0.01
"""How far the engine misplaces a face that wears a mask, as standard deviations: of the angle, of the
logarithm of the scale, of either shift as a share of the crop."""

MASKED_SCALE, SCALE_OF_TURN = -0.056, 0.30
DEGREES_OF_TURN = 11.0
"""And how it comes out on average: logarithm of the scale of a face seen from the front, what ``turn``
adds to it, and the angle that it adds, towards the side to which the head turns. Under a mask the
detector sets the features of a face seen from the front too wide, and those of a turned one too
close together. Measured on faces with drawn masks: ``python -m ecgan.benchmarks.alignment DATA --split train``."""

ZOOMED_SHARE = 0.4
"""Share of faces made smaller, as the engine does where a mask hangs below the crop."""

TURNED = 0.18
"""``turn`` from which a head counts as turned: one in eight of the faces of the training split."""

HULL_CENTRE, HULL_RADII = (127.5, 150.0), (72.0, 104.0)
"""Ellipse at 256 px that holds brows to chin and both cheeks, and little else."""


@dataclass(frozen=True)
class Sample:
    """One jittered face.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        landmarks: (5, 2) float32 in pixels of ``image``.
        valid: (S, S) float32, 1 where the picture is photo, 0 where it is filling.
        weights: (7,) float32 expression condition, all zero where unknown.
        source: Data source.
    """

    image: U8
    landmarks: F32
    valid: F32
    weights: F32
    source: str


def jitter_matrix(rng: np.random.Generator, size: int, amount: float = 1.0) -> F32:
    """Random similarity about the crop's centre, as the detector errs on masked faces.

    Args:
        rng: Source of randomness.
        size: Side of the crop in pixels.
        amount: 1 for the standard deviations that were measured.
    """
    angle = np.deg2rad(rng.normal(0, JITTER_DEGREES) * amount)
    scale = np.exp(rng.normal(0, JITTER_SCALE) * amount)
    shift = rng.normal(0, JITTER_SHIFT * size, 2) * amount
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    linear = np.array([[cos, -sin], [sin, cos]])
    return _about_centre(linear, size, shift)


def masked_matrix(landmarks: F32, size: int) -> F32:
    """Where the detector places an aligned face on average, once it wears a mask.

    Args:
        landmarks: (5, 2) float32 of the bare face, in any picture.
        size: Side of the crop in pixels.

    Returns:
        (2, 3) float32 from the crop of the bare face to that of the masked one.
    """
    side = turn(landmarks)
    angle = np.deg2rad(DEGREES_OF_TURN * np.clip(side, -0.5, 0.5))
    scale = np.exp(MASKED_SCALE + SCALE_OF_TURN * min(abs(side), 0.5))
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    return _about_centre(np.array([[cos, -sin], [sin, cos]]), size)


def _about_centre(linear: np.ndarray, size: int, shift: np.ndarray | float = 0.0) -> F32:
    centre = np.array([(size - 1) / 2, (size - 1) / 2])
    return np.hstack([linear, (centre + shift - linear @ centre)[:, None]]).astype(np.float32)


def draw_sample(
    faces: FaceSet,
    index: int,
    rng: np.random.Generator,
    size: int,
    *,
    jitter: float = 1.0,
    conditions: Mapping[str, F32] | None = None,
) -> Sample:
    """Decode, jitter, mirror and resize one face.

    Args:
        faces: Where to take it from.
        index: Row.
        rng: Source of randomness.
        size: Side of the result in pixels.
        jitter: Strength of the alignment jitter; 0 for none, and for no mirroring and zooming either.
        conditions: ``FaceRecord.key`` -> (7,) float32 expression weights, for pictures without a label.
    """
    record = faces[index]
    reduce = 2 if size <= CROP_SIZE // 4 else 1
    image = faces.image(index, reduce=reduce)
    landmarks = _reduced(record.landmarks, reduce)
    if record.aligned:
        matrix = _resize_matrix(size / image.shape[0])
    else:
        matrix = similarity(landmarks, (TEMPLATE_FFHQ_256 + 0.5) * (size / CROP_SIZE) - 0.5)
    if jitter > 0:
        matrix = _compose(masked_matrix(record.landmarks, size), matrix)
        matrix = _compose(jitter_matrix(rng, size, jitter), matrix)
        if rng.random() < ZOOMED_SHARE:
            scaled = _compose(_resize_matrix(CROP_SIZE / size), matrix)
            zoomed = zoom_out(scaled, rng.uniform(ZOOM_MIN, 1.0))
            matrix = _compose(_resize_matrix(size / CROP_SIZE), zoomed)
        if rng.random() < 0.5:
            mirror = np.array([[-1, 0, size - 1], [0, 1, 0]], np.float32)
            matrix = _compose(mirror, matrix)
            landmarks = landmarks[FLIP_ORDER]
    warped = _warp(image, matrix, size, black=record.facts.region == SURROUND)
    return Sample(
        image=warped,
        landmarks=(landmarks @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32),
        valid=_valid_region(record, warped, matrix, image.shape[0], reduce),
        weights=_condition(record, conditions),
        source=record.source,
    )


def turn(landmarks: F32) -> float:
    """How far a head is turned: 0 seen from the front, 0.5 where the nose tip is under an eye.

    Args:
        landmarks: (5, 2) float32, the eyes and the nose tip first.

    Returns:
        Above 0 where the nose points to the right of the picture.
    """
    left, right, nose = landmarks[:3]
    across = right - left
    return float((nose - left) @ across / (across @ across)) - 0.5


def is_turned(landmarks: F32) -> bool:
    """Whether a head is clearly turned.

    Args:
        landmarks: (5, 2) float32, the eyes and the nose tip first.
    """
    return abs(turn(landmarks)) > TURNED


def source_weights(
    faces: FaceSet,
    shares: Mapping[str, float],
    *,
    balance: bool = False,
    turned: float = 1.0,
) -> np.ndarray:
    """How often each row is drawn.

    Args:
        faces: Rows.
        shares: Source -> how often a picture of it comes; 1 for the rest.
        balance: Whether every expression comes equally often among the labelled rows; what they
            come together, and the unlabelled rows, stay as they are.
        turned: How often a clearly turned head comes, relative to the others of its source.

    Returns:
        (rows,) float64 >= 0.

    Raises:
        DatasetError: All are 0, or ``balance`` finds an expression without a picture.
    """
    weights = np.array([shares.get(r.source, 1.0) * r.weight for r in faces], np.float64)
    if turned != 1:
        weights *= [turned if is_turned(r.landmarks) else 1.0 for r in faces]
    if balance:
        weights = _balanced(weights, np.array([r.label for r in faces]))
    if not weights.sum() > 0:
        raise DatasetError(
            "no picture to train on: every source has the share 0, or the split is empty"
        )
    return weights


def _balanced(weights: np.ndarray, labels: np.ndarray) -> np.ndarray:
    known = labels >= 0
    totals = np.bincount(labels[known], weights[known], minlength=len(EXPRESSIONS))
    empty = [name for name, total in zip(EXPRESSIONS, totals, strict=True) if total <= 0]
    if empty:
        raise DatasetError(f"no picture of '{empty[0]}', so the expressions cannot be balanced")
    balanced = weights.copy()
    balanced[known] *= totals.mean() / totals[labels[known]]
    return balanced


def _resize_matrix(scale: float) -> F32:
    offset = 0.5 * scale - 0.5
    return np.array([[scale, 0, offset], [0, scale, offset]], np.float32)


def _compose(outer: F32, inner: F32) -> F32:
    linear = outer[:, :2] @ inner[:, :2]
    return np.hstack([linear, (outer[:, :2] @ inner[:, 2] + outer[:, 2])[:, None]]).astype(
        np.float32
    )


def _warp(image: U8, matrix: F32, size: int, *, black: bool) -> U8:
    scale = float(np.hypot(matrix[0, 0], matrix[0, 1]))
    if scale < 0.6:  # bilinear sampling would alias
        shrink = 0.5
        image = np.asarray(
            cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        )
        matrix = _compose(matrix, _resize_matrix(1 / shrink))
    return np.asarray(
        cv2.warpAffine(
            image,
            matrix,
            (size, size),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT if black else cv2.BORDER_REFLECT_101,
        )
    )


def _valid_region(record: FaceRecord, warped: U8, matrix: F32, side: int, reduce: int) -> F32:
    """Where a warped picture is photo and may be judged.

    ``matrix`` leads to it from the picture as it was decoded: ``side`` pixels, reduced by ``reduce``.
    """
    size = warped.shape[0]
    region = np.ones((size, size), np.float32)
    if record.facts.photo is not None:
        x0, y0, x1, y1 = (edge * side / CROP_SIZE for edge in record.facts.photo)
        box = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
        region *= _polygon(box, matrix, size)
    if record.photo is not None:
        region *= _polygon(_reduced(record.photo, reduce), matrix, size)
    if record.facts.region == SURROUND:
        hull = (warped.max(2) > 6).astype(np.uint8)
        hull = cv2.morphologyEx(hull, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        # the hull's own edge is half black
        region *= cv2.erode(hull, np.ones((3, 3), np.uint8))
    if record.facts.region == HULL:
        region *= _polygon(_reduced(_hull(record.landmarks), reduce), matrix, size)
    return region


def _hull(landmarks: F32) -> F32:
    """Outline of a face, (n, 2) float32 in the pixels of its landmarks."""
    turns = np.linspace(0, 2 * np.pi, 48, endpoint=False, dtype=np.float32)
    across, down = HULL_RADII
    ellipse = np.stack([across * np.cos(turns), down * np.sin(turns)], 1) + np.array(HULL_CENTRE)
    to_face = similarity(TEMPLATE_FFHQ_256, landmarks)
    return np.asarray(ellipse @ to_face[:, :2].T + to_face[:, 2], np.float32)


def _reduced(points: F32, reduce: int) -> F32:
    """Points of a picture in the pixels of one that was decoded ``reduce`` times smaller."""
    return np.asarray((points + 0.5) / reduce - 0.5, np.float32)


def _polygon(corners: F32, matrix: F32, size: int) -> F32:
    """(size, size) float32, 1 inside corners (n, 2) of the picture that ``matrix`` warps."""
    moved = corners @ matrix[:, :2].T + matrix[:, 2]
    region = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(region, np.round(moved).astype(np.int32), 1)
    return region.astype(np.float32)


def _condition(record: FaceRecord, conditions: Mapping[str, F32] | None) -> F32:
    if record.label >= 0:
        return np.eye(len(EXPRESSIONS), dtype=np.float32)[record.label]
    if conditions is not None and record.key in conditions:
        return conditions[record.key]
    return np.zeros(len(EXPRESSIONS), np.float32)
