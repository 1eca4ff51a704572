"""How near a face without its drawn mask comes to the true face, beside floors by the same code.

``python -m ecgan.benchmarks.reconstruction DATA`` draws a mask on each face of a split of
``DATA/faces/faces.csv``, takes it off with the networks that ship, and compares the picture as the
user gets it with the truth, over the drawn mask alone. Faces that are not found on the masked
picture are failures: counted, listed, and in no mean.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ecgan.engine.align import crop_matrix, warp_face
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import CROP_SIZE, F32, U8, Face, FaceStatus, Result
from ecgan.trainer.data import FaceSet, Sample, load_faces
from ecgan.trainer.data.splits import SPLITS
from ecgan.trainer.data.samples import draw_sample
from ecgan.trainer.evaluate.floors import mean_face, mean_face_fill, ring_mean_fill, telea_fill
from ecgan.trainer.metrics import Border, halved, region_psnr, region_ssim, seam, sharpness
from ecgan.trainer.synth import Covering, wear_mask
from ecgan.trainer.synth.base import Palette

SHARES = (0.14, 0.25)
"""Share of the picture that a drawn mask covers: masks beyond are drawn again."""
MEAN_FACES = 600
TRUE_MASK, PREDICTED_MASK = "true mask", "predicted mask"
FLOORS = ("Telea", "ring mean", "mean face")
FIGURES = ("psnr", "ssim", "sharp256", "sharp128", "seam", "blend")


@dataclass
class Report:
    """Means over the faces that were found.

    Attributes:
        faces: Faces drawn on.
        missed: Files on which no face was found under the mask.
        unclaimed: Files on which a face but no mask was found; the mask stays on in their picture.
        rows: Row -> figure -> mean. ``seam`` is taken at the border of the drawn mask, ``blend``
            2 to 10 pixels outside it, where paint passes into picture.
        iou: Kind of drawn mask -> mean IoU of the segmenter's mask before any post-processing.
    """

    faces: int
    missed: list[str]
    unclaimed: list[str]
    rows: dict[str, dict[str, float]]
    iou: dict[str, float]

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return {**vars(self), "better_by": self.better_by()}

    def better_by(self) -> dict[str, dict[str, float]]:
        """Floor -> figure -> how far the row with the true mask is above it."""
        ours = self.rows.get(TRUE_MASK, {})
        return {
            floor: {name: ours[name] - self.rows[floor][name] for name in ("psnr", "ssim")}
            for floor in FLOORS
            if floor in self.rows
        }

    def lines(self) -> Iterator[str]:
        """The figures as text."""
        yield f"{self.faces} faces, {len(self.missed)} not found, {len(self.unclaimed)} not claimed"
        yield " ".join([f"{'':15}", *(f"{name:>9}" for name in FIGURES)])
        for name, row in self.rows.items():
            yield " ".join([f"{name:15}", *(f"{row[figure]:9.3f}" for figure in FIGURES)])
        for floor, gain in self.better_by().items():
            yield f"above {floor}: {gain['psnr']:+.2f} dB, SSIM {gain['ssim']:+.3f}"
        for kind, overlap in self.iou.items():
            yield f"IoU of the mask, {kind}: {overlap:.4f}"
        for title, files in (("not found", self.missed), ("not claimed", self.unclaimed)):
            yield from (f"{title}: {file}" for file in files)


def draw_masked(
    sample: Sample, index: int, palette: Palette = "held-out", *, degrade: bool = False
) -> Covering:
    """Draw the mask that belongs to a face: the same for the same index, of a usual size.

    Args:
        sample: The bare face.
        index: Number of the face in its split.
        palette: Colours and patterns.
        degrade: Also shadow, things in front, blur, noise and JPEG.
    """
    rng = np.random.default_rng([0, index])
    while True:
        worn = wear_mask(sample.image, sample.landmarks, rng, palette=palette, degrade=degrade)
        if SHARES[0] <= worn.mask.mean() <= SHARES[1]:
            return worn


def measure(faces: FaceSet, split: str, unmasker: Unmasker, *, limit: int | None = None) -> Report:
    """Draw masks on the faces of a split and take them off.

    Args:
        faces: All splits: the mean face is made of the training faces.
        split: Which faces to measure on.
        unmasker: What to measure.
        limit: Faces at most, evenly spread over the split; None for all.

    Returns:
        The means. Without a single face found they are empty.
    """
    chosen = faces.select(split)
    average = mean_face(faces.select("train"), MEAN_FACES)
    numbers = _spread(len(chosen), limit)
    missed, unclaimed = [], []
    rows: dict[str, list[dict[str, float]]] = {}
    overlaps: dict[str, list[float]] = {}
    for index in numbers:
        sample = draw_sample(chosen, index, np.random.default_rng([0, index]), CROP_SIZE, jitter=0)
        worn = draw_masked(sample, index)
        given = unmasker.unmask(worn.image, mask=worn.mask)
        face = _painted_face(given)
        if face is None:
            missed.append(chosen[index].file)
            continue
        found = unmasker.unmask(worn.image)
        if _painted_face(found) is None:
            unclaimed.append(chosen[index].file)
        outputs = {TRUE_MASK: given.image, PREDICTED_MASK: found.image}
        outputs |= dict(zip(FLOORS, _floors(worn, average), strict=True))
        for name, output in outputs.items():
            rows.setdefault(name, []).append(_figures(output, sample.image, worn.mask))
        for kind, covering in _kinds(sample, index, worn).items():
            overlaps.setdefault(kind, []).append(raw_iou(unmasker, covering, face))
    return Report(
        faces=len(numbers),
        missed=missed,
        unclaimed=unclaimed,
        rows={name: _mean(of_faces) for name, of_faces in rows.items()},
        iou={kind: float(np.mean(values)) for kind, values in overlaps.items()},
    )


def raw_iou(unmasker: Unmasker, worn: Covering, face: Face) -> float:
    """IoU of the segmenter's own mask with the drawn one, in the frame of the crop."""
    matrix = crop_matrix(face.landmarks)
    found = unmasker.segmenter.masks(warp_face(worn.image, matrix)[None])[0] > 0.5
    levels = np.rint(worn.mask[..., None].repeat(3, axis=2) * 255).astype(np.uint8)
    truth = warp_face(levels, matrix)[..., 0] > 127
    return float((found & truth).sum() / max(1, (found | truth).sum()))


def _spread(count: int, limit: int | None) -> list[int]:
    kept = count if limit is None else min(count, limit)
    return [index * count // kept for index in range(kept)]


def _kinds(sample: Sample, index: int, worn: Covering) -> dict[str, Covering]:
    return {
        "held-out colours": worn,
        "training colours": draw_masked(sample, index, "train"),
        "held-out colours, degraded": draw_masked(sample, index, degrade=True),
    }


def _painted_face(result: Result) -> Face | None:
    """The largest face that was repainted."""
    painted = [face.face for face in result.faces if face.status is FaceStatus.CHANGED]
    return max(painted, key=lambda face: face.height, default=None)


def _floors(worn: Covering, average: F32) -> tuple[U8, U8, U8]:
    hole = worn.mask > 0
    return (
        telea_fill(worn.image, hole),
        ring_mean_fill(worn.image, hole),
        mean_face_fill(worn.image, hole, average),
    )


def _figures(output: U8, truth: U8, region: F32) -> dict[str, float]:
    border = Border.of(region)
    return {
        "psnr": region_psnr(output, truth, region),
        "ssim": region_ssim(output, truth, region),
        "sharp256": sharpness(output, truth, region),
        "sharp128": sharpness(halved(output), halved(truth), halved(region)),
        "seam": seam(output, truth, border, -2, 2),
        "blend": seam(output, truth, border, 2, 10),
    }


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in FIGURES}


def main(arguments: list[str] | None = None) -> int:
    """Print the figures of the networks that ship, or of a model folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the data sets, with faces/ inside")
    parser.add_argument("--split", choices=SPLITS, default="val")
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--limit", type=int, default=None, help="faces at most")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args(arguments)
    faces = load_faces(options.data / "faces" / "faces.csv")
    with Unmasker(models=options.models, threads=options.threads) as unmasker:
        report = measure(faces, options.split, unmasker, limit=options.limit)
        about = unmasker.describe()
    if options.json:
        text = json.dumps({"split": options.split, **about, **report.as_json()}, indent=2)
    else:
        head = f"{options.split}, {about['segmenter']}, {about['generator']}"
        text = "\n".join([head, *report.lines()])
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
