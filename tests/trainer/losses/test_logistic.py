"""Logistic loss and gradient penalty against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from ecgan.trainer.losses.logistic import (
    gradient_penalty,
    logistic_discriminator,
    logistic_generator,
)


def test_who_cannot_tell_pays_two_bits_and_who_can_nearly_nothing() -> None:
    unsure = torch.zeros(2, 1, 4, 4)
    assert logistic_discriminator(unsure, unsure).item() == pytest.approx(2 * math.log(2))
    assert logistic_discriminator(unsure + 9, unsure - 9) < 1e-3


def test_the_generator_gains_most_where_it_was_seen_through() -> None:
    logits = torch.tensor([-3.0, 3.0], requires_grad=True)
    logistic_generator(logits).backward()
    assert logits.grad is not None
    assert logits.grad[0] < 10 * logits.grad[1] < 0


def test_the_penalty_is_half_the_squared_slope_and_can_be_learnt_from() -> None:
    slope = torch.tensor(3.0, requires_grad=True)
    picture = torch.rand(2, 3, 4, 4, requires_grad=True)
    logits = slope * picture.sum((1, 2, 3))[:, None]
    penalty = gradient_penalty(logits, picture)
    # every one of 48 values of a picture has the slope 3
    assert penalty.item() == pytest.approx(0.5 * 48 * 9)
    penalty.backward()
    assert slope.grad is not None
    assert slope.grad.item() == pytest.approx(48 * 3)
