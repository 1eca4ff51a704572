"""Hinge loss and feature matching against values worked out by hand."""

from __future__ import annotations

import pytest
import torch

from ecgan.trainer.losses import LOSSES
from ecgan.trainer.losses.hinge import hinge_discriminator


def test_a_sure_discriminator_pays_nothing_and_a_wrong_one_pays() -> None:
    sure = torch.full((2, 1, 4, 4), 1.5)
    assert hinge_discriminator(sure, -sure) == 0
    assert hinge_discriminator(-sure, sure) == pytest.approx(5.0)  # 2.5 for each side


def test_the_generator_gains_where_it_is_believed() -> None:
    hinge = LOSSES["hinge"]
    assert hinge(torch.full((2, 1, 4, 4), 2.0)) == -2
    assert hinge(torch.full((2, 1, 4, 4), -2.0)) == 2


def test_feature_matching_is_relative_and_teaches_only_the_painted_side() -> None:
    matching = LOSSES["feature-matching"]
    real = torch.rand(2, 8, 4, 4) + 0.5
    fake = (real * 1.2).requires_grad_()
    assert matching([real], [real]) == 0
    value = matching([real, 10 * real], [fake, 10 * fake])
    assert value.item() == pytest.approx(0.2, rel=1e-5)
    value.backward()
    assert fake.grad is not None
    assert fake.grad.abs().sum() > 0
