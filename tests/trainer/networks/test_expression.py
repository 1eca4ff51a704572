"""What reads expressions: blind to colour, light and surround, open to the face."""

from __future__ import annotations

import pytest
import torch

from ecgan.trainer.networks.expression_judge import SIDE, ExpressionJudge
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


def test_the_judge_passes_the_gradient_to_the_picture() -> None:
    torch.manual_seed(0)
    network = ExpressionJudge().eval()
    grey = torch.randn(2, 1, SIDE, SIDE, requires_grad=True)
    logits = network(grey)
    assert logits.shape == (2, 7)
    logits[:, 0].sum().backward()
    assert grey.grad is not None
    assert grey.grad.abs().sum() > 0


def test_the_judge_is_small_and_its_features_make_its_answer() -> None:
    judge = ExpressionJudge().eval()
    assert sum(p.numel() for p in judge.parameters()) < 0.9e6  # 1.8 MB at half precision
    grey = torch.randn(3, 1, SIDE, SIDE)
    with torch.no_grad():
        features = judge.features(grey)
        assert features.shape == (3, 256)
        assert torch.allclose(judge.to_logits(features), judge(grey), atol=1e-6)
