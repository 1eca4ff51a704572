"""Feature matching against a value worked out by hand."""

from __future__ import annotations

import pytest
import torch

from ecgan.trainer.losses.feature_matching import feature_matching


def test_feature_matching_is_relative_and_teaches_only_the_painted_side() -> None:
    real = torch.rand(2, 8, 4, 4) + 0.5
    fake = (real * 1.2).requires_grad_()
    assert feature_matching([real], [real]) == 0
    value = feature_matching([fake, 10 * fake], [real, 10 * real])
    assert value.item() == pytest.approx(0.2, rel=1e-5)
    value.backward()
    assert fake.grad is not None
    assert fake.grad.abs().sum() > 0
