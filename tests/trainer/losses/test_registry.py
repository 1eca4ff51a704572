"""What every loss promises, over the whole registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from ecgan.trainer.losses import LOSSES


def noise(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def picture(seed: int) -> Tensor:
    return noise(seed, 2, 3, 32, 32)


def maps(seed: int) -> list[Tensor]:
    return [noise(seed, 2, 4, 8, 8), noise(seed + 100, 2, 8, 4, 4)]


REGION = torch.zeros(2, 1, 32, 32)
REGION[:, :, 8:24, 8:24] = 1
LOGITS, SURE = noise(0, 2, 1, 4, 4), torch.full((2, 1, 4, 4), 20.0)

# Name -> arguments as in training, and those on which there is nothing left to gain.
CASES: dict[str, tuple[Sequence[Any], Sequence[Any]]] = {
    "reconstruction": ((picture(0), picture(1)), (picture(0), picture(0))),
    "perceptual": ((maps(0), maps(1)), (maps(0), maps(0))),
    "bce-discriminator": ((LOGITS, -LOGITS), (SURE, -SURE)),
    "bce-generator": ((LOGITS,), (SURE,)),
    "region-l1": ((picture(0), picture(1), REGION), (picture(0), picture(0), REGION)),
    "gradient-l1": ((picture(0), picture(1), REGION), (picture(0), picture(0), REGION)),
    "logistic-discriminator": ((LOGITS, -LOGITS), (SURE, -SURE)),
    "logistic-generator": ((LOGITS,), (SURE,)),
    "feature-matching": ((maps(0), maps(1)), (maps(0), maps(0))),
}


def test_every_loss_has_a_case() -> None:
    assert CASES.keys() == set(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_a_finite_scalar_whose_gradient_reaches_its_first_argument(name: str) -> None:
    first, *others = CASES[name][0]
    parts = [
        part.clone().requires_grad_() for part in (first if isinstance(first, list) else [first])
    ]
    value = LOSSES[name](parts if isinstance(first, list) else parts[0], *others)
    assert value.shape == ()
    assert torch.isfinite(value)
    value.backward()
    for part in parts:
        assert part.grad is not None
        assert torch.isfinite(part.grad).all()
        assert part.grad.abs().sum() > 0


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_least_and_zero_where_nothing_is_left_to_gain(name: str) -> None:
    usual, best = (LOSSES[name](*arguments) for arguments in CASES[name])
    assert best < usual
    assert float(best) == pytest.approx(0, abs=1e-6)
    assert usual > 0.01
