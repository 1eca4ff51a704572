"""Quick figures on the validation split while a network trains.

Masks are drawn with seed 0 on every face, so figures of different moments compare. The full
evaluation, with landmarks detected on the masked picture, is a matter of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import F32, U8

from .data import FaceSet, Sample
from .data.samples import draw_sample
from .metrics import region_psnr, region_ssim, sharpness
from .synth import mask_shape, wear_mask

SHOWN = 8
"""Faces of a sheet."""


@dataclass(frozen=True)
class Validation:
    """What a network reaches on the validation split.

    Attributes:
        figures: Name -> value, for the log.
        rows: Sheet of (S, S, 3) uint8 RGB pictures from inputs that are the same each time.
    """

    figures: dict[str, float]
    rows: Sequence[Sequence[U8]] = field(default_factory=list)


def validate_generator(
    generator: nn.Module, faces: FaceSet, size: int, limit: int = 120
) -> Validation:
    """Figures for `auto` and a sheet: input, masked, auto, the seven expressions, truth.

    Args:
        generator: In evaluation mode.
        faces: All splits; rows of the validation split are used.
        size: 64 for the trunk alone, 128 or 256 for the whole network.
        limit: Faces at most.
    """
    chosen = faces.select("val")
    step = max(1, len(chosen) // limit)
    psnr, ssim, sharp = [], [], []
    rows: list[list[U8]] = []
    for number, index in enumerate(range(0, len(chosen), step)):
        rng = np.random.default_rng([0, index])
        sample = draw_sample(chosen, index, rng, size, jitter=0)
        hole = mask_shape(sample.landmarks, size, rng) * sample.valid
        if not (hole > 0.5).any():
            continue
        composite = paint(generator, sample.image, hole, np.zeros(7, np.float32))
        psnr.append(region_psnr(composite, sample.image, hole))
        ssim.append(region_ssim(composite, sample.image, hole))
        sharp.append(sharpness(composite, sample.image, hole))
        if number % 8 == 0 and len(rows) < SHOWN:
            rows.append(_row(generator, sample, hole, composite, rng))
    figures = {"val_psnr": psnr, "val_ssim": ssim, "val_sharpness": sharp}
    return Validation({name: _mean(values) for name, values in figures.items()}, rows)


def _row(
    generator: nn.Module, sample: Sample, hole: F32, auto: U8, rng: np.random.Generator
) -> list[U8]:
    worn = wear_mask(sample.image, sample.landmarks, rng, palette="held-out").image
    masked = np.where(hole[..., None] > 0.5, 128, sample.image).astype(np.uint8)
    asked = [
        paint(generator, sample.image, hole, weights)
        for weights in np.eye(len(EXPRESSIONS), dtype=np.float32)
    ]
    return [worn, masked, auto, *asked, sample.image]


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def _device(network: nn.Module) -> torch.device:
    first = next(network.parameters(), None)
    return torch.device("cpu") if first is None else first.device


def paint(generator: nn.Module, image: U8, hole: F32, weights: F32) -> U8:
    """Composite of one face: (S, S, 3) uint8 with the hole painted, S as in ``FastGenerator``."""
    device = _device(generator)
    picture = torch.from_numpy(image).to(device).permute(2, 0, 1)[None].float() / 127.5 - 1
    region = torch.from_numpy(hole).to(device)[None, None]
    condition = torch.from_numpy(weights).to(device)[None]
    with torch.no_grad():
        output, _ = generator(picture, region, condition)
    mixed = picture * (1 - region) + output.clamp(-1, 1) * region
    return ((mixed[0] + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()


def validate_segmenter(segmenter: nn.Module, faces: FaceSet, limit: int = 120) -> Validation:
    """IoU on drawn masks, share of bare faces claimed, and a sheet: masked, truth, found."""
    chosen = faces.select("val")
    step = max(1, len(chosen) // limit)
    overlap, bare = [], []
    rows: list[list[U8]] = []
    for number, index in enumerate(range(0, len(chosen), step)):
        rng = np.random.default_rng([0, index])
        sample = draw_sample(chosen, index, rng, 256, jitter=0.5)
        covering = wear_mask(sample.image, sample.landmarks, rng, palette="held-out")
        found = segment(segmenter, covering.image)
        truth = covering.mask > 0.5
        overlap.append((truth & (found > 0.5)).sum() / max(1, (truth | (found > 0.5)).sum()))
        bare.append((segment(segmenter, sample.image) > 0.5).mean() > 0.03)
        if number % 6 == 0 and len(rows) < SHOWN:
            tint = np.array([255, 0, 255], np.float32)
            overlay = covering.image * (1 - 0.6 * found[..., None]) + tint * 0.6 * found[..., None]
            rows.append([covering.image, overlay.astype(np.uint8)])
    return Validation({"val_iou": _mean(overlap), "val_bare_claimed": _mean(bare)}, rows)


def segment(segmenter: nn.Module, image: U8) -> F32:
    """(256, 256, 3) uint8 -> (256, 256) float32 probability."""
    picture = torch.from_numpy(image).to(_device(segmenter))
    picture = picture.permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        return torch.sigmoid(segmenter(picture))[0, 0].cpu().numpy()
