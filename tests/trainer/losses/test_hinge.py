"""Hinge loss and feature matching against values worked out by hand."""

from __future__ import annotations

import pytest
import torch

from ecgan.trainer.losses.hinge import feature_matching, hinge_discriminator, hinge_generator


def test_a_sure_discriminator_pays_nothing_and_a_wrong_one_pays() -> None:
    sure = torch.full((2, 1, 4, 4), 1.5)
    assert hinge_discriminator(sure, -sure) == 0
    assert hinge_discriminator(-sure, sure) == pytest.approx(5.0)  # 2.5 for each side


def test_the_generator_gains_where_it_is_believed() -> None:
    assert hinge_generator(torch.full((2, 1, 4, 4), 2.0)) == -2
    assert hinge_generator(torch.full((2, 1, 4, 4), -2.0)) == 2


def test_feature_matching_is_relative_and_teaches_only_the_painted_side() -> None:
    real = torch.rand(2, 8, 4, 4) + 0.5
    fake = (real * 1.2).requires_grad_()
    assert feature_matching([real], [real]) == 0
    value = feature_matching([fake, 10 * fake], [real, 10 * real])
    assert value.item() == pytest.approx(0.2, rel=1e-5)
    value.backward()
    assert fake.grad is not None
    assert fake.grad.abs().sum() > 0
