"""How exactly worn masks are found on real photos, against outlines drawn by hand.

``python -m ecgan.benchmarks.outlines DATA`` reads the photos of ``DATA/masked`` and the outlines of
their main faces in ``tests/data/mask_outlines.json``, whose head says how they were drawn. The
held-out photos are a bar: nothing may be chosen by them. The others are there for choices.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ecgan.engine.align import invert
from ecgan.engine.detect.boxes import overlaps
from ecgan.engine.errors import DatasetError, EcganError
from ecgan.engine.face_area import MASK_LEVEL, Marks
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import CROP_SIZE, F32, U8, Face

from .detection import MATCH_IOU, decode, photo_files

OUTLINES = Path(__file__).resolve().parents[1] / "tests" / "data" / "mask_outlines.json"
GROUPS = ("holdout", "others")
POOR_IOU = 0.8
"""Faces below this are listed by name."""
FINER = 4
"""Outlines are filled at so many times the crop's size, for edges between pixels."""


@dataclass(frozen=True)
class Outline:
    """The worn mask of one photo's main face, drawn by hand.

    Attributes:
        file: Name of the photo.
        sha256: Of the photo's bytes.
        group: "holdout" or "others".
        box: (4,) float32: x0, y0, x1, y1 of the face, in pixels of the photo.
        notes: What is particular about it.
        outlines: Polygons, (K, 2) float32 in pixels of the photo; the mask is their union.
        holes: Polygons of what hides the mask: fingers, glasses.
    """

    file: str
    sha256: str
    group: str
    box: F32
    notes: str
    outlines: tuple[F32, ...]
    holes: tuple[F32, ...]


@dataclass(frozen=True)
class Score:
    """How well one mask was found.

    Attributes:
        outline: What was drawn.
        iou: IoU of what ``ecgan unmask`` would repaint, inside the photo; 0 where no face was
            found or no mask claimed.
        raw_iou: The same of the segmenter's mask itself, before its edge is moved and parts are
            dropped.
        trouble: "" or why ``iou`` is 0.
    """

    outline: Outline
    iou: float
    raw_iou: float
    trouble: str = ""


def load_outlines(path: Path) -> list[Outline]:
    """Read hand-drawn outlines.

    Args:
        path: A file like ``tests/data/mask_outlines.json``.

    Raises:
        DatasetError: There is no such file, or it is not of that form.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["faces"]
        return [_outline(row) for row in rows]
    except FileNotFoundError:
        hint = "run it from a copy of the repository, or name the file with --outlines"
        raise DatasetError(f"no file '{path}', expected outlines of masks", hint=hint) from None
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"'{path}' holds no outlines as they are expected: {error!r}") from None


def _outline(row: dict[str, Any]) -> Outline:
    return Outline(
        row["file"],
        row["sha256"],
        row["group"],
        np.array(row["box"], np.float32),
        row["notes"],
        tuple(np.array(points, np.float32).reshape(-1, 2) for points in row["outlines"]),
        tuple(np.array(points, np.float32).reshape(-1, 2) for points in row["holes"]),
    )


def true_mask(outline: Outline, frame_to_crop: F32) -> Marks:
    """(256, 256) bool: what was drawn, in the crop of a (2, 3) float32 matrix."""
    fine = np.zeros((FINER * CROP_SIZE,) * 2, np.uint8)
    for polygons, value in ((outline.outlines, 255), (outline.holes, 0)):
        for points in polygons:
            in_crop = points @ frame_to_crop[:, :2].T + frame_to_crop[:, 2]
            in_fine = np.rint((in_crop + 0.5) * FINER - 0.5).astype(np.int32)
            cv2.fillPoly(fine, [in_fine], value)
    filled = cv2.resize(fine, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_AREA)
    return np.asarray(filled, np.uint8) > 127


def inside_photo(height: int, width: int, frame_to_crop: F32) -> Marks:
    """(256, 256) bool: the crop's pixels that show the photo and not its mirrored border."""
    rows, columns = np.mgrid[:CROP_SIZE, :CROP_SIZE]
    x, y = np.moveaxis(
        np.stack([columns, rows, np.ones_like(rows)], -1) @ invert(frame_to_crop).T, -1, 0
    )
    return (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)


def iou(found: Marks, truth: Marks, where: Marks) -> float:
    """Intersection over union of two masks, counted where the third is true; in [0, 1]."""
    both, either = found & truth & where, (found | truth) & where
    return float(both.sum() / max(1, either.sum()))


def measure(folder: Path, outlines: Sequence[Outline], unmasker: Unmasker) -> list[Score]:
    """Find the masks of the outlined faces as ``ecgan unmask`` does, and compare.

    Args:
        folder: The data set's ``masked`` folder.
        outlines: What was drawn by hand.
        unmasker: What to measure.

    Returns:
        One score for each outline, in the order of the photos.

    Raises:
        DatasetError: A photo is missing, or is not the one that was outlined.
    """
    wanted = {outline.file: outline for outline in outlines}
    scores = []
    for name, content in photo_files(folder):
        outline = wanted.pop(name, None)
        if outline is None:
            continue
        if hashlib.sha256(content).hexdigest() != outline.sha256:
            raise DatasetError(f"photo '{name}' is not the one whose mask was outlined")
        scores.append(_score(decode(content), outline, unmasker))
    if wanted:
        raise DatasetError(f"photo '{next(iter(wanted))}' is not in '{folder}'")
    return scores


def _score(photo: U8, outline: Outline, unmasker: Unmasker) -> Score:
    face = _outlined_face(unmasker.detect(photo), outline)
    if face is None:
        return Score(outline, 0.0, 0.0, "face not found")
    [crop] = unmasker.crop(photo, [face])
    where = inside_photo(photo.shape[0], photo.shape[1], crop.frame_to_crop)
    truth = true_mask(outline, crop.frame_to_crop)
    raw = iou(unmasker.segmenter.masks([crop.crop])[0] >= MASK_LEVEL, truth, where)
    if not unmasker.segmenter.claims(crop.mask):
        return Score(outline, 0.0, raw, "no mask claimed")
    return Score(outline, iou(crop.mask >= MASK_LEVEL, truth, where), raw)


def _outlined_face(faces: Sequence[Face], outline: Outline) -> Face | None:
    if not faces:
        return None
    near = overlaps(outline.box, np.stack([face.bbox for face in faces]))
    best = int(near.argmax())
    return faces[best] if near[best] > MATCH_IOU else None


def report(scores: Sequence[Score]) -> list[str]:
    """The figures as text: held-out photos and others apart, then the poor faces by name."""
    lines = []
    for group in GROUPS:
        rows = [score for score in scores if score.outline.group == group]
        if not rows:
            continue
        worst = min(rows, key=lambda score: score.iou)
        raw = np.mean([score.raw_iou for score in rows])
        troubles = [score.trouble for score in rows]
        lines.append(
            f"{group}: {len(rows)} faces, mean IoU {np.mean([s.iou for s in rows]):.4f}, "
            f"worst {worst.iou:.3f} ({worst.outline.file}); "
            f"{troubles.count('face not found')} not found, "
            f"{troubles.count('no mask claimed')} not claimed; segmenter alone {raw:.4f}"
        )
        poor = sorted((s for s in rows if s.iou < POOR_IOU), key=lambda score: score.iou)
        lines += [f"  {_poor(score)}" for score in poor]
    return lines


def _poor(score: Score) -> str:
    reasons = "; ".join(text for text in (score.trouble, score.outline.notes) if text)
    return f"{score.iou:.3f} {score.outline.file}" + (f" ({reasons})" if reasons else "")


def main(arguments: list[str] | None = None) -> int:
    """Print the figures of the networks that ship, or of a model folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the data sets, with masked/ inside")
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--outlines", type=Path, default=OUTLINES)
    parser.add_argument("--group", choices=GROUPS, default=None, help="only these photos")
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args(arguments)
    try:
        outlines = load_outlines(options.outlines)
        chosen = [one for one in outlines if options.group in (None, one.group)]
        with Unmasker(models=options.models, threads=options.threads) as unmasker:
            scores = measure(options.data / "masked", chosen, unmasker)
    except EcganError as error:
        parser.error(f"{error}" + (f"; {error.hint}" if error.hint else ""))
    except OSError as error:
        parser.error(str(error))
    sys.stdout.write("\n".join(report(scores)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
