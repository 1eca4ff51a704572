"""What reads expressions: blind to colour, light and surround, open to the face."""

from __future__ import annotations

import math

import pytest
import torch

from ecgan.trainer.data.samples import HULL_RADII
from ecgan.trainer.networks.expression_judge import REDUCE, SHAPE, ExpressionJudge, window_hull
from ecgan.trainer.networks.grey_hull import grey_hull


def hull(side: int) -> torch.Tensor:
    mask = torch.zeros(2, 1, side, side)
    mask[:, :, side // 4 :, side // 4 : -side // 4] = 1
    return mask


def test_tone_and_surround_do_not_matter_and_the_inside_does() -> None:
    torch.manual_seed(0)
    picture, inside = torch.rand(2, 3, 32, 32) * 2 - 1, hull(32)
    one = grey_hull(picture, inside)
    assert torch.equal(one * (1 - inside), torch.zeros_like(one))
    assert one[inside > 0].mean().abs() < 1e-5
    assert one[0][inside[0] > 0].std() == pytest.approx(1, abs=0.02)  # 1e-4 keeps flat faces finite
    other = grey_hull(0.5 * picture + 0.2 + (1 - inside), inside)
    assert torch.allclose(one, other, atol=0.01)
    assert (one - grey_hull(picture.flip(2), inside)).abs().mean() > 0.1


def test_the_judge_sees_one_ellipse_that_fits_its_window_and_nothing_else() -> None:
    inside = window_hull()
    assert inside.shape == (1, 1, *SHAPE)
    area = math.pi * HULL_RADII[0] * HULL_RADII[1] / REDUCE**2
    assert float(inside.sum()) == pytest.approx(area, rel=0.02)
    assert torch.equal(inside, inside.flip(3))
    torch.manual_seed(0)
    network = ExpressionJudge(dropout=0).train()  # fresh, it tells little apart in evaluation mode
    window = torch.rand(2, 3, *SHAPE) * 2 - 1
    with torch.no_grad():
        logits, features = network(window)
        for around in (-1.0, 1.0):
            other, _ = network(torch.where(inside > 0, window, around))
            assert torch.allclose(logits, other, atol=1e-5)
        moved, _ = network(torch.where(inside > 0, window.flip(2), window))
    assert (logits - moved).abs().max() > 0.01
    assert features.shape == (2, 256)


def test_the_judge_passes_the_gradient_to_the_picture() -> None:
    torch.manual_seed(0)
    window = torch.randn(2, 3, *SHAPE, requires_grad=True)
    logits, _ = ExpressionJudge().eval()(window)
    assert logits.shape == (2, 7)
    logits[:, 0].sum().backward()
    assert window.grad is not None
    assert window.grad.abs().sum() > 0


def test_the_judge_is_small_and_its_features_make_its_answer() -> None:
    judge = ExpressionJudge().eval()
    assert sum(p.numel() for p in judge.parameters()) < 1.2e6  # 2.4 MB at half precision
    with torch.no_grad():
        logits, features = judge(torch.randn(3, 3, *SHAPE))
        assert torch.allclose(judge.to_logits(features), logits, atol=1e-6)
