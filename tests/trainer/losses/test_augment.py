"""Augmentation of what the discriminators see."""

from __future__ import annotations

import torch

from ecgan.trainer.losses.augment import Augment


def test_both_sides_of_a_pair_get_the_same_draw() -> None:
    draw = Augment(2, 64, torch.Generator().manual_seed(3))
    picture = torch.rand(2, 3, 64, 64) * 2 - 1
    assert torch.equal(draw.picture(picture), draw.picture(picture.clone()))
    again = Augment(2, 64, torch.Generator().manual_seed(3))
    assert torch.equal(draw.picture(picture), again.picture(picture))


def test_the_shift_moves_whole_pixels_and_stays_small() -> None:
    for seed in range(20):
        draw = Augment(1, 64, torch.Generator().manual_seed(seed))
        dot = torch.zeros(1, 1, 64, 64)
        dot[0, 0, 32, 32] = 1
        moved = draw.shift(dot)
        assert moved.shape == dot.shape
        y, x = (int(v) for v in torch.nonzero(moved[0, 0])[0])
        assert max(abs(y - 32), abs(x - 32)) <= draw.pad == 4


def test_gradients_pass_through() -> None:
    draw = Augment(1, 64, torch.Generator().manual_seed(0))
    picture = torch.rand(1, 3, 64, 64, requires_grad=True)
    draw.picture(picture).sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0
