"""Region losses: zero for equal pictures, blind outside the region, right by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from ecgan.trainer.losses.region import gradient_l1, region_l1

Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


@pytest.fixture
def region() -> torch.Tensor:
    inside = torch.zeros(2, 1, 32, 32)
    inside[:, :, 8:24, 8:24] = 1
    return inside


@pytest.mark.parametrize("loss", [region_l1, gradient_l1])
def test_equal_pictures_cost_nothing_and_the_outside_does_not_count(
    loss: Loss, region: torch.Tensor
) -> None:
    truth = torch.rand(2, 3, 32, 32)
    assert loss(truth, truth, region) == 0
    output = truth.clone()
    output[:, :, :4] += 1  # far from the region at every scale
    assert loss(output, truth, region) == 0


@pytest.mark.parametrize("loss", [region_l1, gradient_l1])
def test_the_gradient_reaches_the_region(loss: Loss, region: torch.Tensor) -> None:
    output = torch.rand(2, 3, 32, 32, requires_grad=True)
    value = loss(output, torch.rand(2, 3, 32, 32), region)
    value.backward()
    assert torch.isfinite(value)
    assert output.grad is not None
    assert output.grad[:, :, 10:20, 10:20].abs().sum() > 0


def test_l1_of_a_constant_shift_is_the_shift(region: torch.Tensor) -> None:
    truth = torch.zeros(2, 3, 32, 32)
    assert region_l1(truth + 0.25, truth, region) == pytest.approx(0.25)


def test_the_gradient_loss_ignores_a_constant_shift_and_sees_a_ramp(region: torch.Tensor) -> None:
    truth = torch.zeros(2, 3, 32, 32)
    assert gradient_l1(truth + 0.25, truth, region) == pytest.approx(0, abs=1e-6)
    ramp = truth + torch.arange(32.0) * 0.01
    # one direction has slope 0.01, 0.02, 0.04 at the three scales, the other none
    assert gradient_l1(ramp, truth, region) == pytest.approx(0.07 / 3, rel=1e-3)


def test_an_empty_region_costs_nothing() -> None:
    nothing = torch.zeros(1, 1, 32, 32)
    picture = torch.rand(1, 3, 32, 32)
    assert region_l1(picture, 1 - picture, nothing) == 0
