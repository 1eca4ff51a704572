"""RetinaFace (MobileNet-0.25) on ONNX Runtime: the detector that ships.

The network sees BGR minus a mean and answers with offsets to a fixed grid of anchors. A masked
face is found when it is some 50 to 400 px high in the network's input, so a picture is looked at
in several sizes and the answers are merged.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..backends.ort import OrtBackend
from ..errors import ModelMismatch, ModelMissing
from ..models import DETECTOR, load_manifest, model_folder, verified_path
from ..types import F32, U8, Face
from .boxes import SAME_FACE_IOU, Candidates, Suggestion, clip, distinct, merge, overlaps
from .closer import look_closer

MEAN_BGR = (104.0, 117.0, 123.0)
STRIDES = (8, 16, 32)
ANCHOR_SIZES = ((16, 32), (64, 128), (256, 512))
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
OUTPUTS = ("loc", "conf", "landmarks")

SIZES = (320, 640)
LARGE_SIZE = 1024
LARGE_FROM = 800
QUICK_SIZE = 640
MAX_ENLARGED = 480
"""A small picture is never blown up beyond this long side: a face that fills it would be lost."""
FINE_SIZE, FINE_FACTOR = 1536, 2
"""Long side of one more pass for small faces, and how far it may enlarge a picture of more than
``MAX_ENLARGED``. Chosen on ``data/masked`` without its holdout: of the masked faces of any height
it finds 96.3 %, against 93.1 % without; 2048 finds less, 95.6 %."""
FINE_HEIGHT = 256
"""Higher boxes of that pass do not count: many are ears, or eyes of a face that fills the picture. Of
what it alone finds beside the annotated faces of those photos, 11 were 100 px and higher in the
photo, 9 of them taken for masked; 3 and 1 are left."""
FLOOR = 0.25
"""Confidence below which a box is not even evidence beside another pass."""
EVIDENCE = 0.7
"""What the confidences of all looks must add up to beyond the asked score. Two unsure looks that
agree find more masked faces than one threshold, and raise fewer false alarms."""
SMALL = 120
"""Height of a face in the network's input below which its landmarks need a closer look."""
CLOSER_FROM = 12
"""Height in frame pixels below which a closer look shows nothing new."""


class RetinaFace:
    """Face detector with five landmarks. Safe to call from several threads.

    Args:
        path: Another ONNX file with the same inputs and outputs; None for the one that ships,
            whose hash is verified.
        score: Confidence from which a box is a face, in (0, 1).
        device: "auto" (a card where one works, else the CPU), "cpu" or "cuda:N".
        threads: Threads to compute with on the CPU; None for one per core.

    Raises:
        ModelMissing: The file is not there.
        ModelMismatch: The file is damaged, or another kind of network.
        BackendUnavailable: ONNX Runtime or the device is not there.
    """

    name = "retinaface"

    def __init__(
        self,
        path: Path | None = None,
        *,
        score: float = 0.5,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        if path is None:
            folder = model_folder()
            path = verified_path(folder, load_manifest(folder).of_kind(DETECTOR))
        self.score = score
        self._network = _open(path, device, threads)
        self.device = self._network.device

    def detect(self, frame: U8, *, quick: bool = False, small: bool = False) -> list[Face]:
        """As ``Detector.detect``; small faces get a pass over a large or enlarged picture."""
        if not frame.size:
            return []
        suggestions = self._suggestions(frame, quick, small)
        if quick:
            return [_face(one, frame) for one in suggestions if one.score >= self.score]
        judged = (self._judged(frame, one) for one in suggestions)
        found = [face for face in judged if face is not None]
        return distinct(sorted(found, key=lambda face: face.score, reverse=True))

    def _suggestions(self, frame: U8, quick: bool, small: bool = False) -> list[Suggestion]:
        height, width = frame.shape[:2]
        long_side = max(height, width)
        fine = small and not quick and long_side > MAX_ENLARGED
        sides = pass_sides(long_side, quick)
        if fine:
            sides.insert(0, min(FINE_SIZE, FINE_FACTOR * long_side))
        passes = [self._look(picture, width, height) for picture in _shrunk(frame, sides)]
        if fine:
            passes[0] = passes[0].up_to(FINE_HEIGHT)
        return merge(passes)

    def _judged(self, frame: U8, suggestion: Suggestion) -> Face | None:
        """The face, after a closer look where it is small or in doubt; None where it is none."""
        face = _face(suggestion, frame)
        needed = self.score + EVIDENCE
        sure = suggestion.evidence >= needed
        if (sure and suggestion.height >= SMALL) or face.height < CLOSER_FROM:
            return face if sure else None
        closer = look_closer(self._any_face, frame, face)
        if closer is None or overlaps(face.bbox, closer.bbox[None])[0] < SAME_FACE_IOU:
            return face if sure else None
        if suggestion.evidence + closer.score < needed:
            return None
        return Face(face.bbox, max(face.score, closer.score), closer.landmarks)

    def _any_face(self, picture: U8) -> list[Face]:
        return [_face(one, picture) for one in self._suggestions(picture, quick=True)]

    def _look(self, picture: U8, width: int, height: int) -> Candidates:
        """One pass over a scaled picture of a frame of the given size; answers in frame pixels."""
        rows, columns = picture.shape[:2]
        blob = picture[:, :, ::-1].astype(np.float32) - np.array(MEAN_BGR, np.float32)
        blob = np.ascontiguousarray(blob.transpose(2, 0, 1)[None])
        answer = self._network.run({"input": blob})
        offsets, confidence, points = (answer[name] for name in OUTPUTS)
        scores = confidence[0, :, 1]
        hit = scores > FLOOR
        boxes, landmarks = decode(offsets[0][hit], points[0][hit], anchors(rows, columns)[hit])
        scale = np.array([width / columns, height / rows], np.float32)
        # Half a pixel: the network counts from pixel corners, a frame's points from pixel centres.
        return Candidates(
            boxes=boxes * np.tile(scale, 2),
            scores=scores[hit],
            landmarks=landmarks * scale - 0.5,
            heights=boxes[:, 3] - boxes[:, 1],
        )


def _face(suggestion: Suggestion, frame: U8) -> Face:
    box = clip(suggestion.box[None], frame.shape[1], frame.shape[0])[0]
    return Face(box, suggestion.score, suggestion.landmarks)


def pass_sides(long_side: int, quick: bool) -> list[int]:
    """Long sides in which a picture is looked at, largest first.

    Args:
        long_side: Of the picture, in pixels.
        quick: One size only.
    """
    if quick:
        return [min(QUICK_SIZE, long_side)]
    wanted = [*SIZES, LARGE_SIZE] if long_side > LARGE_FROM else list(SIZES)
    return sorted({min(side, max(long_side, MAX_ENLARGED)) for side in wanted}, reverse=True)


@functools.lru_cache(maxsize=32)
def anchors(height: int, width: int) -> F32:
    """Centres and sizes of the grid the network's answers refer to.

    Args:
        height: Rows of the network's input.
        width: Columns of the network's input.

    Returns:
        (A, 3) float32: x, y, size in input pixels; strides in order, rows first, then sizes.
        Shared between calls: do not write into it.
    """
    parts = []
    for stride, sizes in zip(STRIDES, ANCHOR_SIZES, strict=True):
        rows, columns = math.ceil(height / stride), math.ceil(width / stride)
        y, x, size = np.meshgrid(
            (np.arange(rows) + 0.5) * stride,
            (np.arange(columns) + 0.5) * stride,
            sizes,
            indexing="ij",
        )
        parts.append(np.stack([x, y, size], axis=-1).reshape(-1, 3))
    grid = np.concatenate(parts).astype(np.float32)
    grid.flags.writeable = False
    return grid


def decode(offsets: F32, points: F32, grid: F32) -> tuple[F32, F32]:
    """Turn the network's offsets into pixels of its input.

    Args:
        offsets: (N, 4) float32: centre in tenths of the anchor, logarithm of the size in fifths.
        points: (N, 10) float32: landmarks in tenths of the anchor.
        grid: (N, 3) float32 anchors.

    Returns:
        Boxes (N, 4) as x0, y0, x1, y1 and landmarks (N, 5, 2), float32.
    """
    centre, size = grid[:, :2], grid[:, 2:]
    middle = centre + offsets[:, :2] * CENTRE_VARIANCE * size
    half = size * np.exp(offsets[:, 2:] * SIZE_VARIANCE) / 2
    boxes = np.concatenate([middle - half, middle + half], axis=1)
    steps = points.reshape(-1, 5, 2) * CENTRE_VARIANCE
    return boxes.astype(np.float32), (centre[:, None] + steps * size[:, None]).astype(np.float32)


def _shrunk(frame: U8, sides: list[int]) -> Iterator[U8]:
    """The frame at each long side, largest first.

    Each is made from the last, so that a large frame is read once; but none from an enlarged one.
    """
    picture = frame
    for side in sides:
        if max(picture.shape[:2]) > max(frame.shape[:2]):
            picture = frame
        picture = _resized(picture, frame.shape[:2], side)
        yield picture


def _resized(picture: U8, shape: tuple[int, ...], side: int) -> U8:
    import cv2

    ratio = side / max(shape)
    size = (max(1, round(shape[1] * ratio)), max(1, round(shape[0] * ratio)))
    if size == (picture.shape[1], picture.shape[0]):
        return picture
    # A whole factor first: averaging by 2, 3, ... is many times cheaper than by a crooked one.
    factor = max(picture.shape[:2]) // side
    if factor > 1:
        whole = (max(1, picture.shape[1] // factor), max(1, picture.shape[0] // factor))
        picture = cv2.resize(picture, whole, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _open(path: Path, device: str, threads: int | None) -> OrtBackend:
    if not path.is_file():
        raise ModelMissing(f"detector file '{path}' is missing")
    backend = OrtBackend.open(path, device=device, threads=threads)
    if list(backend.inputs) != ["input"] or not set(OUTPUTS) <= set(backend.outputs):
        raise ModelMismatch(
            f"'{path}' is not a RetinaFace model: outputs {', '.join(backend.outputs)}; "
            f"expected {', '.join(OUTPUTS)}"
        )
    return backend
