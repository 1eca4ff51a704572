"""What the paper's networks are shown: a face, the same with a mask on, where the mask is, a label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import F32, U8

from ..data import FaceSet
from ..data.samples import draw_sample
from ..metrics import region_psnr, region_ssim
from ..synth import wear_mask
from .base import Validation, as_picture

SHOWN = 8
"""Faces of the sheet."""

JUDGED = 60
"""Faces of the validation split that are looked at."""

Conditions = Mapping[str, F32]


@dataclass(frozen=True)
class PaperSamples:
    """Faces that wear drawn masks. See ``base.Samples``.

    Attributes:
        faces: Rows of the training split.
        weights: How often each comes.
        size: Side of the pictures.
        conditions: ``FaceRecord.key`` -> (7,) weights of a picture without a label.
    """

    faces: FaceSet
    weights: np.ndarray
    size: int
    conditions: Conditions

    def draw(self, row: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """One face: `face`, `masked` (S, S, 3) uint8, `mask`, `valid` (S, S), `weights` (7,)."""
        sample = draw_sample(self.faces, row, rng, self.size, conditions=self.conditions)
        # undegraded, so that what is not masked is the truth to the last bit, as the composite needs
        worn = wear_mask(sample.image, sample.landmarks, rng, degrade=False)
        return {
            "face": sample.image,
            "masked": worn.image,
            "mask": worn.mask,
            "valid": sample.valid,
            "weights": sample.weights,
        }


def seen_by_network(masked: Tensor, binary: Tensor) -> Tensor:
    """The six channels: masked face (N, 3, S, S) and binary map (N, 1, S, S), both in [-1, 1]."""
    return torch.cat([masked, binary.expand(-1, 3, -1, -1)], 1)


def judge(network: nn.Module, faces: FaceSet, size: int, conditions: Conditions) -> Validation:
    """Figures over the mask, each face asked for its own expression, and a sheet.

    The sheet's rows are the masked face, the paint, the seven expressions where the network knows
    them, and the truth. Masks are of colours that training does not draw, the same each time.

    Args:
        network: In evaluation mode.
        faces: Rows of the validation split.
        size: Side of the pictures.
        conditions: As in ``PaperSamples``.
    """
    device = next(network.parameters()).device
    knows = bool(getattr(network, "classes", 0))
    psnr, ssim, rows = [], [], []
    for number, row in enumerate(range(0, len(faces), max(1, len(faces) // JUDGED))):
        rng = np.random.default_rng([0, row])
        sample = draw_sample(faces, row, rng, size, jitter=0, conditions=conditions)
        worn = wear_mask(sample.image, sample.landmarks, rng, palette="held-out", degrade=False)
        region = worn.mask * sample.valid
        if not (region > 0.5).any():
            continue
        asked = [sample.weights]
        if number < SHOWN and knows:
            asked += list(np.eye(len(EXPRESSIONS), dtype=np.float32))
        painted = _paint(network, worn.image, worn.mask, np.stack(asked), device)
        psnr.append(region_psnr(painted[0], sample.image, region))
        ssim.append(region_ssim(painted[0], sample.image, region))
        if number < SHOWN:
            rows.append([worn.image, *painted, sample.image])
    figures = {"val_psnr": psnr, "val_ssim": ssim}
    return Validation(
        {name: float(np.mean(found)) for name, found in figures.items() if found}, rows
    )


def _paint(
    network: nn.Module, masked: U8, mask: F32, weights: F32, device: torch.device
) -> list[U8]:
    """The face painted once for each row of weights, pasted into its surroundings."""
    picture = as_picture(torch.from_numpy(masked)[None].to(device))
    binary = torch.from_numpy(mask)[None, None].to(device) * 2 - 1
    with torch.no_grad():
        seen = seen_by_network(picture, binary).expand(len(weights), -1, -1, -1)
        output = network(seen, torch.from_numpy(weights).to(device)).float()
    levels = ((output + 1) * 127.5).clamp(0, 255).permute(0, 2, 3, 1).cpu().numpy()
    share = mask[..., None]
    mixed = masked * (1 - share) + levels * share
    return list(np.rint(mixed).astype(np.uint8))
