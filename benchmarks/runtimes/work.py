"""What is run: the networks of a comparison, the crops that they are fed, and the chain of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ecgan.engine.align import crop_matrix, warp_face
from ecgan.engine.backends import Backend
from ecgan.engine.backends.base import Array
from ecgan.engine.backends.tensorrt import TensorRtBackend, run_networks
from ecgan.engine.detect import DETECTORS
from ecgan.engine.errors import InputError
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.media.reader import VideoReader
from ecgan.engine.models import (
    GENERATOR,
    SEGMENTER,
    Manifest,
    ModelEntry,
    load_manifest,
    verified_path,
)
from ecgan.engine.models.manifest import MANIFEST_NAME
from ecgan.engine.types import CROP_SIZE, U8

from .rows import Model

PAPER = "ecgan"
Feeds = dict[str, Array]


@dataclass(frozen=True)
class Work:
    """One comparison.

    Attributes:
        name: Of its generator.
        what: For people.
        folder: Its model folder, for the way from file to file.
        models: The networks, in the order in which they run.
    """

    name: str
    what: str
    folder: Path
    models: Sequence[Model]


def folder_work(folder: Path) -> Work:
    """Segmenter and generator of a model folder, one after the other.

    Raises:
        ModelMissing: The folder has no manifest, or lacks a file.
        ModelMismatch: A file is not the one that the manifest names.
    """
    manifest = load_manifest(folder)
    entries = [manifest.of_kind(kind) for kind in (SEGMENTER, GENERATOR)]
    name = entries[1].name
    return Work(name, f"segmenter + {name}", folder, [_model(folder, entry) for entry in entries])


def paper_work(folder: Path, shipped: Path, *, half: bool) -> Work:
    """The paper's generator alone, with initial weights, exported into a folder of its own.

    Args:
        folder: Where to; must exist.
        shipped: Model folder whose segmenter and detector go with it.
        half: Whether rows want its float16 file.
    """
    from ecgan.trainer.export import RANGES, SYMMETRIC, export_onnx
    from ecgan.trainer.export.crops import random_crops

    from .torch_rows import initial_network

    exported = export_onnx(
        initial_network(), folder, PAPER, random_crops()[:1], scale=RANGES[SYMMETRIC], half=half
    )
    others = load_manifest(shipped)
    entry = replace(
        others.of_kind(GENERATOR),
        name=PAPER,
        file=exported.full.path.name,
        sha256=exported.full.sha256,
        classes=list(EXPRESSIONS),
        auto=False,
        precisions={"fp16": exported.half.path.name} if exported.half else {},
        precision_sha256={"fp16": exported.half.sha256} if exported.half else {},
    )
    segmenter = others.of_kind(SEGMENTER)
    for precision in ("fp32", *segmenter.precisions):
        source = verified_path(shipped, segmenter, precision)
        (folder / source.name).write_bytes(source.read_bytes())
    text = Manifest([entry, segmenter]).to_json()
    (folder / MANIFEST_NAME).write_text(text, encoding="utf-8")
    model = replace(_model(folder, entry), initial=True)
    return Work(PAPER, "the paper's generator", folder, [model])


def _model(folder: Path, entry: ModelEntry) -> Model:
    precisions = ("fp32", *entry.precisions)
    files = {precision: verified_path(folder, entry, precision) for precision in precisions}
    return Model(entry.name, entry.kind, files)


def run_chain(opened: Mapping[str, Backend], feeds: Feeds) -> dict[str, U8]:
    """Run a work's networks, the generator with the segmenter's mask where there is one.

    On TensorRT the mask does not leave the GPU in between.

    Args:
        opened: Kind -> network.
        feeds: ``crop``, ``mask`` and ``expression``, as ``make_feeds`` gives them.

    Returns:
        Kind -> output.
    """
    found: dict[str, U8] = {}
    mask = feeds["mask"]
    first, second = opened.get(SEGMENTER), opened[GENERATOR]
    if isinstance(first, TensorRtBackend) and isinstance(second, TensorRtBackend):
        outputs = run_networks(
            first, second, {name: feeds[name] for name in ("crop", "expression")}
        )
        return {kind: next(iter(each.values())) for kind, each in zip(opened, outputs, strict=True)}
    if first is not None:
        (mask,) = first.run({"crop": feeds["crop"]}).values()
        found[SEGMENTER] = mask
    (found[GENERATOR],) = second.run({**feeds, "mask": mask}).values()
    return found


def run_apart(opened: Mapping[str, Backend], feeds: Feeds) -> dict[str, U8]:
    """Run each network on the same inputs whatever the other gives: what is compared.

    Args:
        opened: Kind -> network.
        feeds: As for ``run_chain``.

    Returns:
        Kind -> output.
    """
    found = {}
    for kind, backend in opened.items():
        (found[kind],) = backend.run({name: feeds[name] for name in backend.inputs}).values()
    return found


def make_feeds(video: Path | None, count: int) -> Feeds:
    """Faces of a video, or smooth random pictures without one, with a drawn mask.

    Args:
        video: Its first faces are taken, and taken again to fill the batch.
        count: Batch size.

    Raises:
        MediaError: The video cannot be read.
        InputError: It shows no face.
    """
    crops = _random_pictures() if video is None else _faces(video, count)
    rows = np.arange(count)
    mask = np.zeros((count, CROP_SIZE, CROP_SIZE), np.uint8)
    mask[:, 128:232, 60:196] = 255
    mask[:, 120:128, 60:196] = 128
    return {
        "crop": np.ascontiguousarray(crops[rows % len(crops)]),
        "mask": mask,
        "expression": np.eye(len(EXPRESSIONS), dtype=np.float32)[rows % len(EXPRESSIONS)],
    }


def _random_pictures() -> U8:
    import cv2

    coarse = np.random.default_rng(0).integers(0, 256, (4, 12, 12, 3), dtype=np.uint8)
    return np.stack(
        [
            cv2.resize(picture, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_CUBIC)
            for picture in coarse
        ]
    )


def _faces(video: Path, count: int) -> U8:
    detector = DETECTORS["retinaface"]()
    crops: list[U8] = []
    with VideoReader(video) as reader:
        for chunk in reader:
            if chunk.picture is None:
                continue
            frame = chunk.picture.rgb
            crops += [
                warp_face(frame, crop_matrix(face.landmarks)) for face in detector.detect(frame)
            ]
            if len(crops) >= count:
                break
    if not crops:
        raise InputError(f"no face is found in '{video}'", hint="choose a video that shows one")
    return np.stack(crops)
