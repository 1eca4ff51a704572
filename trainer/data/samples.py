"""From a face to a training sample: jitter, label, region in which the picture is real.

Sample number i is a pure function of (seed, i): a stopped run resumes with exactly the samples
it would have seen, without replaying any.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from ecgan.engine.align import TEMPLATE_FFHQ_256, ZOOM_MIN, similarity, zoom_out
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import CROP_SIZE, F32, U8

from .faces import FaceSet

FLIP_ORDER = [1, 0, 2, 4, 3]
"""Landmarks after mirroring: left and right change places."""

ZOOMED_SHARE = 0.4
"""Share of faces made smaller, as the engine does where a mask hangs below the crop."""

BATCHES_AHEAD = 3
"""Batches that may wait for the training step."""

BLACK_SURROUND = frozenset({"affhull"})
"""Sources that show the face's hull on black."""

UTKFACE_BOX = (59, 83, 200, 224)
"""x0, y0, x1, y1 at 256 px that UTKFace chips really cover; around it the edge is continued."""


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
        amount: 1 for one standard deviation of 3 degrees, 4 % and 1.5 % of the side.
    """
    angle = np.deg2rad(rng.normal(0, 3.0) * amount)
    scale = np.exp(rng.normal(0, 0.04) * amount)
    shift = rng.normal(0, 0.015 * size, 2) * amount
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    centre = np.array([size / 2, size / 2])
    linear = np.array([[cos, -sin], [sin, cos]])
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
        jitter: Strength of the alignment jitter, and whether to mirror at random; 0 for neither.
        conditions: File name -> (7,) float32 expression weights, for pictures without a label.
    """
    record = faces[index]
    reduce = 2 if size <= CROP_SIZE // 4 else 1
    image = faces.image(index, reduce=reduce)
    landmarks = ((record.landmarks + 0.5) / reduce - 0.5).astype(np.float32)
    if record.aligned:
        matrix = _resize_matrix(size / image.shape[0])
    else:
        matrix = similarity(landmarks, (TEMPLATE_FFHQ_256 + 0.5) * (size / CROP_SIZE) - 0.5)
    if jitter > 0:
        matrix = _compose(jitter_matrix(rng, size, jitter), matrix)
        if rng.random() < ZOOMED_SHARE:
            scaled = _compose(_resize_matrix(CROP_SIZE / size), matrix)
            zoomed = zoom_out(scaled, rng.uniform(ZOOM_MIN, 1.0))
            matrix = _compose(_resize_matrix(size / CROP_SIZE), zoomed)
        if rng.random() < 0.5:
            mirror = np.array([[-1, 0, size - 1], [0, 1, 0]], np.float32)
            matrix = _compose(mirror, matrix)
            landmarks = landmarks[FLIP_ORDER]
    warped = _warp(image, matrix, size, black=record.source in BLACK_SURROUND)
    return Sample(
        image=warped,
        landmarks=(landmarks @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32),
        valid=_valid_region(record.source, warped, matrix, image.shape[0]),
        weights=_condition(record.label, record.file, conditions),
        source=record.source,
    )


class SampleStream:
    """Batches of an endless, weighted, seeded stream, prepared by a thread ahead of their use.

    Args:
        draw: Makes item i from (row, generator).
        weights: (rows,) how often each row comes, any positive scale.
        batch: Items a batch.
        seed: Item i depends on (seed, i) alone.
        start: First item, for a resumed run.
    """

    def __init__(
        self,
        draw: Callable[[int, np.random.Generator], Mapping[str, np.ndarray]],
        weights: np.ndarray,
        *,
        batch: int,
        seed: int,
        start: int = 0,
    ) -> None:
        self._draw = draw
        self._cumulative = np.cumsum(weights / weights.sum())
        self._batch, self._seed, self._next = batch, seed, start
        self._queue: queue.Queue[dict[str, np.ndarray] | BaseException] = queue.Queue(BATCHES_AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._fill, name="samples", daemon=True)
        self._thread.start()

    def item(self, number: int) -> Mapping[str, np.ndarray]:
        """Item ``number`` of the stream."""
        rng = np.random.default_rng([self._seed, number])
        row = int(np.searchsorted(self._cumulative, rng.random(), side="right"))
        return self._draw(min(row, len(self._cumulative) - 1), rng)

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        got = self._queue.get()
        if isinstance(got, BaseException):
            raise got
        return got

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=0.1)
            except queue.Empty:
                continue

    def _fill(self) -> None:
        cv2.setNumThreads(1)
        while not self._stop.is_set():
            try:
                items = [self.item(self._next + k) for k in range(self._batch)]
                self._next += self._batch
                got: dict[str, np.ndarray] | BaseException = {
                    key: np.stack([item[key] for item in items]) for key in items[0]
                }
            except BaseException as error:  # noqa: BLE001 - handed to the consumer
                got = error
            self._queue.put(got)
            if isinstance(got, BaseException):
                return


def source_weights(faces: FaceSet, shares: Mapping[str, float]) -> np.ndarray:
    """(rows,) float64 sampling weights: ``shares[source]`` a picture, 1 for the rest."""
    return np.array([shares.get(r.source, 1.0) for r in faces], np.float64)


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


def _valid_region(source: str, warped: U8, matrix: F32, side: int) -> F32:
    size = warped.shape[0]
    if source in BLACK_SURROUND:
        hull = (warped.max(2) > 6).astype(np.uint8)
        hull = cv2.morphologyEx(hull, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        # the hull's own edge is half black
        return np.asarray(cv2.erode(hull, np.ones((3, 3), np.uint8)), np.float32)
    if source == "utkface":
        x0, y0, x1, y1 = (edge * side / CROP_SIZE for edge in UTKFACE_BOX)
        corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
        corners = corners @ matrix[:, :2].T + matrix[:, 2]
        region = np.zeros((size, size), np.uint8)
        cv2.fillConvexPoly(region, np.round(corners).astype(np.int32), 1)
        return region.astype(np.float32)
    return np.ones((size, size), np.float32)


def _condition(label: int, file: str, conditions: Mapping[str, F32] | None) -> F32:
    if label >= 0:
        return np.eye(len(EXPRESSIONS), dtype=np.float32)[label]
    if conditions is not None and file in conditions:
        return conditions[file]
    return np.zeros(len(EXPRESSIONS), np.float32)
