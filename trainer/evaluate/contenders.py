"""What is compared: networks that take masks off, from model folders, model files or checkpoints."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ecgan.engine.align import crop_matrix, warp_face
from ecgan.engine.composite import apply_patches, make_patch
from ecgan.engine.crops import crops_under
from ecgan.engine.errors import ModelMissing
from ecgan.engine.models import GENERATOR, SEGMENTER, Manifest, load_manifest, model_folder
from ecgan.engine.models.manifest import MANIFEST_NAME
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import F32, U8, Face, FaceCrop

from .cases import Covering


class Contender(Unmasker):
    """The engine's way of a picture in steps, so that looking for faces happens once for all.

    Args:
        folder: Model folder.
        label: What it is called in tables.
        device: As ``Unmasker``.
        threads: As ``Unmasker``.
    """

    def __init__(self, folder: Path, label: str, *, device: str, threads: int | None) -> None:
        super().__init__(models=folder, device=device, threads=threads)
        self.label = label
        self.entry = self._entries[GENERATOR]
        self.hashes = [self._entries[kind].sha256 for kind in (GENERATOR, SEGMENTER)]

    def under(self, frame: U8, faces: list[Face], mask: F32) -> list[FaceCrop]:
        """Crops with their part of a mask that is known; faces without a part are left out."""
        return [crop for crop in crops_under(mask, frame, faces) if crop.mask.any()]

    def found(self, frame: U8, faces: list[Face]) -> list[FaceCrop]:
        """Crops of the faces on which the segmenter claims a mask."""
        return [crop for crop in self.crop(frame, faces) if self.segmenter.claims(crop.mask)]

    def paint_each(self, frame: U8, crops: list[FaceCrop], weights: F32) -> list[U8]:
        """The finished picture for each of R requests, the network run on all of them together.

        Args:
            frame: (H, W, 3) uint8 RGB.
            crops: Faces of that frame, with the masks to repaint; without any, the frame stays.
            weights: (R, 7) float32.

        Returns:
            R pictures (H, W, 3) uint8 RGB.
        """
        if not crops:
            return [frame] * len(weights)
        every = [crop for _ in weights for crop in crops]
        painted = self.generate(every, np.repeat(weights, len(crops), axis=0))
        depth = sorted(range(len(crops)), key=lambda i: crops[i].side_px)
        return [
            apply_patches(
                frame,
                [make_patch(frame, crops[i], painted[row * len(crops) + i]) for i in depth],
            )
            for row in range(len(weights))
        ]

    def raw_iou(self, worn: Covering, face: Face) -> float:
        """IoU of the segmenter's own mask with the drawn one, in the frame of the crop."""
        matrix = crop_matrix(face.landmarks)
        found = self.segmenter.masks(warp_face(worn.image, matrix)[None])[0] > 0.5
        levels = np.rint(worn.mask[..., None].repeat(3, axis=2) * 255).astype(np.uint8)
        truth = warp_face(levels, matrix)[..., 0] > 127
        return float((found & truth).sum() / max(1, (found | truth).sum()))


def open_contenders(
    paths: Sequence[Path], work: Path, *, device: str, threads: int | None
) -> list[Contender]:
    """Open what is to be compared.

    Args:
        paths: Model folders, ONNX files with a manifest beside them, or checkpoints; none for the
            models that ship.
        work: Folder for what has to be made of files and checkpoints.
        device: As ``Unmasker``.
        threads: As ``Unmasker``.

    Raises:
        ModelMissing: A path does not exist, or lies in no manifest.
        ModelMismatch: It is no model and no checkpoint.
    """
    folders = [_folder(path, work / f"model-{i}") for i, path in enumerate(paths)]
    folders = folders or [model_folder()]
    names = [load_manifest(folder).of_kind(GENERATOR).name for folder in folders]
    labels = _distinct(names, [path.stem for path in paths] or names)
    return [
        Contender(folder, label, device=device, threads=threads)
        for folder, label in zip(folders, labels, strict=True)
    ]


def _distinct(names: list[str], stems: list[str]) -> list[str]:
    """Names that are told apart: by the file's name, then by number, where they are the same."""
    twice = Counter(names)
    labels = [f"{n} ({s})" if twice[n] > 1 else n for n, s in zip(names, stems, strict=True)]
    again = Counter(labels)
    return [f"{n} {i + 1}" if again[n] > 1 else n for i, n in enumerate(labels)]


def _folder(path: Path, work: Path) -> Path:
    if not path.exists():
        raise ModelMissing(
            f"'{path}' does not exist", hint="a model folder, an ONNX file of one, or a checkpoint"
        )
    if (path / MANIFEST_NAME).is_file():
        return path
    if path.suffix == ".onnx":
        return _of_file(path, work)
    if not (work / MANIFEST_NAME).is_file():
        from ..export import export_checkpoint

        export_checkpoint(path, work, licence="unstated", half=False)
    return work


def _of_file(path: Path, work: Path) -> Path:
    """A model folder whose generator is one file of another folder."""
    manifest = load_manifest(path.parent)
    for entry in manifest.models:
        hashes = {entry.file: entry.sha256}
        hashes |= {file: entry.precision_sha256[p] for p, file in entry.precisions.items()}
        if entry.kind == GENERATOR and path.name in hashes:
            break
    else:
        raise ModelMissing(
            f"'{path}' is no generator of '{path.parent / MANIFEST_NAME}'",
            hint="ecgan export writes a model file and its manifest",
        )
    chosen = replace(
        entry,
        name=path.stem,
        file=path.name,
        sha256=hashes[path.name],
        precisions={},
        precision_sha256={},
    )
    others = [row for row in manifest.models if row.kind != GENERATOR]
    work.mkdir(parents=True, exist_ok=True)
    for row in [chosen, *others]:
        shutil.copyfile(path.parent / row.file, work / row.file)
    (work / MANIFEST_NAME).write_text(Manifest([chosen, *others]).to_json(), encoding="utf-8")
    return work
