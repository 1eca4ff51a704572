"""The segmenter: trained on faces that wear drawn masks, on bare ones, and on labelled photos."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ecgan.engine.types import CROP_SIZE, F32, U8

from ..config import PRESETS, SegmenterConfig
from ..data import FaceSet, load_data
from ..data.samples import draw_sample, source_weights
from ..data.worn import WornFace, collect_worn, draw_worn
from ..networks.blocks import channels_last
from ..networks.segmenter import Segmenter
from ..synth import distract, wear_mask
from ..validate import validate_segmenter
from .base import Recipe, Samples, Validation, as_picture


class SegmenterRecipe(Recipe[SegmenterConfig]):
    """Cross-entropy and Dice on where the mask is.

    Args:
        config: The stage.
    """

    config_type = SegmenterConfig
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS["segmenter"]
    averaged: ClassVar[str] = "segmenter"
    best_by: ClassVar[str] = "val_iou"

    def __init__(self, config: SegmenterConfig) -> None:
        super().__init__(config)
        network = channels_last(Segmenter(config.widths))
        self.modules = {"segmenter": network}
        self.optimizers = {
            "segmenter": torch.optim.AdamW(
                network.parameters(), config.learning_rate, weight_decay=1e-4
            )
        }
        self._faces: FaceSet | None = None

    def open_data(self, run_dir: Path | None) -> Samples:
        """Faces to draw masks on, and photos labelled by the network that the run begins from."""
        cfg = self.config
        self._faces = load_data(cfg.data)
        worn: list[WornFace] = []
        if cfg.photos:
            labeller = copy.deepcopy(self.modules["segmenter"]).cpu().eval()
            worn = collect_worn(Path(cfg.photos), functools.partial(_see, labeller))
        train = self._faces.select("train")
        return SegmenterSamples(train, source_weights(train, cfg.shares), worn, cfg)

    def step(self, batch: Mapping[str, Tensor], seen: int) -> dict[str, Tensor]:
        """Cross-entropy, and one minus Dice averaged over the faces that wear a mask."""
        truth = batch["mask"][:, None]
        logit = self.wrapped["segmenter"](as_picture(batch["image"])).float()
        entropy = F.binary_cross_entropy_with_logits(logit, truth)
        found = torch.sigmoid(logit)
        both, either = (found * truth).sum((1, 2, 3)), (found + truth).sum((1, 2, 3))
        worn = (truth.amax((1, 2, 3)) > 0).float()
        dice = 1 - (2 * both + 1) / (either + 1)
        loss = entropy + 0.5 * (dice * worn).sum() / worn.sum().clamp(min=1)
        norm = self.update("segmenter", loss)
        return {"loss": loss.detach(), "norm": norm}

    def validate(self, network: nn.Module) -> Validation:
        """IoU on drawn masks, bare faces claimed, and a sheet."""
        if self._faces is None:
            raise RuntimeError("open_data() comes before validate()")
        return validate_segmenter(network, self._faces)

    def example_inputs(self) -> tuple[Tensor, ...]:
        """One face."""
        return (torch.zeros(1, 3, CROP_SIZE, CROP_SIZE),)


@dataclass(frozen=True)
class SegmenterSamples:
    """Faces with masks drawn on, bare faces, photos. See ``base.Samples``.

    Attributes:
        faces: Rows of the training split.
        weights: How often each comes.
        worn: Photos of people who wear masks, with where they are.
        config: The stage.
    """

    faces: FaceSet
    weights: np.ndarray
    worn: list[WornFace]
    config: SegmenterConfig

    def draw(self, row: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """One sample: `image` (256, 256, 3) uint8 and `mask` (256, 256) float32."""
        if self.worn and rng.random() < self.config.photo_share:
            image, mask = draw_worn(self.worn, rng)
        else:
            sample = draw_sample(self.faces, row, rng, CROP_SIZE, jitter=1.5)
            if rng.random() < self.config.bare_share:
                image = distract(sample.image, sample.landmarks, rng)
                mask = np.zeros((CROP_SIZE, CROP_SIZE), np.float32)
            else:
                covering = wear_mask(sample.image, sample.landmarks, rng)
                image, mask = covering.image, covering.mask
        return {"image": _seen_from_afar(image, rng), "mask": mask}


def _see(network: nn.Module, crops: Sequence[U8]) -> F32:
    with torch.no_grad():
        logits = network(as_picture(torch.from_numpy(np.stack(crops))))
    return np.asarray(torch.sigmoid(logits)[:, 0].numpy(), np.float32)


def _seen_from_afar(image: U8, rng: np.random.Generator) -> U8:
    """Now and then grey, or as coarse as a face of a few dozen pixels."""
    if rng.random() < 0.08:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    if rng.random() < 0.2:
        side = int(rng.integers(32, 96))
        small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        image = np.asarray(
            cv2.resize(small, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_LINEAR), np.uint8
        )
    return image
