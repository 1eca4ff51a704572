"""Figures while training, on stand-ins whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ecgan.trainer.data import FaceSet, load_folder
from ecgan.trainer.validate import paint, validate_generator, validate_segmenter


class Flat(nn.Module):
    """Paints one level by the weight of the first expression."""

    def forward(self, picture: Tensor, hole: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        level = weights[:, :1, None, None]
        return level.expand_as(picture), level.expand(-1, 3, 64, 64)


class Says(nn.Module):
    """A segmenter that gives one logit everywhere."""

    def __init__(self, logit: float) -> None:
        super().__init__()
        self.logit = logit

    def forward(self, picture: Tensor) -> Tensor:
        return torch.full_like(picture[:, :1], self.logit)


@pytest.fixture
def faces(faces_folder: Path) -> FaceSet:
    return load_folder(faces_folder)


@pytest.mark.parametrize("size", [64, 128, 256])
def test_paint_goes_into_the_hole_and_nowhere_else(size: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    hole = np.zeros((size, size), np.float32)
    hole[size // 2 :] = 1
    weights = np.eye(7, dtype=np.float32)[0]
    found = paint(Flat(), image, hole, weights)
    np.testing.assert_array_equal(found[: size // 2], image[: size // 2])
    assert (found[size // 2 :] == 255).all()
    half = paint(Flat(), image, 0.5 * hole, weights)
    wanted = (image[size // 2 :].astype(float) + 255) / 2
    assert np.abs(half[size // 2 :] - wanted).max() <= 1


@pytest.mark.parametrize("size", [64, 128, 256])
def test_a_flat_paint_is_far_from_the_truth_and_without_sharpness(
    faces: FaceSet, size: int
) -> None:
    found = validate_generator(Flat(), faces, size)
    figures, rows = found.figures, found.rows
    assert 3 < figures["val_psnr"] < 20
    assert figures["val_ssim"] < 0.9
    assert figures["val_sharpness"] < 0.8
    assert len(rows) == 1  # every eighth of eight faces
    assert [picture.shape for picture in rows[0]] == [(size, size, 3)] * 11


def test_a_segmenter_that_sees_nothing_or_everything(faces: FaceSet) -> None:
    found = validate_segmenter(Says(-9.0), faces)
    nothing, rows = found.figures, found.rows
    assert nothing == {"val_iou": 0.0, "val_bare_claimed": 0.0}
    assert [picture.shape for picture in rows[0]] == [(256, 256, 3)] * 2
    everything = validate_segmenter(Says(9.0), faces).figures
    assert everything["val_bare_claimed"] == 1
    assert 0.1 < everything["val_iou"] < 0.3  # the share of a mask in the crop
