"""Our generator, segmenter and discriminators: shapes, size, what reaches what."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ecgan.trainer.networks import NETWORKS
from ecgan.trainer.networks.blocks import Film
from ecgan.trainer.networks.fast import FastGenerator
from ecgan.trainer.networks.segmenter import Segmenter
from ecgan.trainer.networks.window_discriminator import WindowDiscriminator, lower_face


def generator() -> FastGenerator:
    torch.manual_seed(0)
    network = FastGenerator((8, 12, 16, 24), 8).eval()
    nn.init.normal_(network.head.to_pixels.weight, 0, 0.1)
    for module in network.modules():
        if isinstance(module, Film):
            nn.init.normal_(module.affine.weight, 0, 0.2)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
    return network


def test_segmenter_and_generator_stay_within_their_price() -> None:
    picture = torch.zeros(1, 3, 256, 256)
    total = 0
    for name, inputs in (
        ("ecgan-fast", (picture, picture[:, :1], torch.zeros(1, 7))),
        ("segmenter", (picture,)),
    ):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            NETWORKS[name]().eval()(*inputs)
        total += counter.get_total_flops()
    assert total < 3.0e9


def test_what_lies_under_the_hole_has_no_influence_but_the_visible_part_has() -> None:
    network = generator()
    picture = torch.rand(1, 3, 256, 256) * 2 - 1
    hole = torch.zeros(1, 1, 256, 256)
    hole[:, :, 130:230, 60:200] = 1
    weights = torch.zeros(1, 7)
    with torch.no_grad():
        one = network(picture, hole, weights)[0]
        under = network(picture * (1 - hole), hole, weights)[0]
        lit = network((picture + 0.3 * (1 - hole)), hole, weights)[0]
    assert torch.equal(one, under)
    assert (one - lit).abs().max() > 1e-3


def test_the_expression_changes_the_paint_and_intensity_is_continuous() -> None:
    network = generator()
    picture = torch.rand(1, 3, 256, 256) * 2 - 1
    hole = torch.ones(1, 1, 256, 256)
    with torch.no_grad():
        outputs = [network(picture, hole, w[None])[0] for w in torch.eye(7)]
        near = network(picture, hole, torch.eye(7)[:1] * 1.001)[0]
    gaps = [(outputs[0] - other).abs().mean() for other in outputs[1:]]
    assert min(gaps) > 1e-4
    assert (near - outputs[0]).abs().mean() < 0.1 * min(gaps)


def test_the_coarse_stage_trains_the_trunk_that_the_whole_network_uses() -> None:
    network = generator()
    painted, coarse = network(torch.rand(2, 3, 64, 64), torch.ones(2, 1, 64, 64), torch.zeros(2, 7))
    assert painted is coarse
    painted.sum().backward()
    assert network.trunk.stem.weight.grad is not None
    assert network.head.to_pixels.weight.grad is None


def test_a_picture_of_128_px_is_painted_as_the_enlarged_one_is() -> None:
    network = generator()
    picture, hole = torch.rand(2, 3, 128, 128) * 2 - 1, torch.zeros(2, 1, 128, 128)
    hole[:, :, 64:] = 1
    weights = torch.eye(7)[:2]
    painted, coarse = network(picture, hole, weights)
    assert painted.shape == picture.shape
    assert coarse.shape == (2, 3, 64, 64)
    masked = torch.cat([picture * (1 - hole), hole], 1)
    large = torch.nn.functional.interpolate(masked, 256, mode="bilinear")
    whole, _ = network(large[:, :3] / (1 - large[:, 3:]).clamp(1e-6), large[:, 3:], weights)
    pooled = torch.nn.functional.avg_pool2d(whole, 2)
    # equal but for the division's rounding along the soft edge
    assert (painted - pooled).abs().max() < 1e-4
    painted.sum().backward()
    assert network.head.to_pixels.weight.grad is not None


def test_the_segmenter_answers_at_full_size() -> None:
    assert Segmenter((4, 4, 8, 8, 8)).eval()(torch.zeros(2, 3, 256, 256)).shape == (2, 1, 256, 256)


def test_the_lower_face_holds_mouth_and_chin() -> None:
    rows = torch.arange(256.0)[None, None, :, None].expand(1, 1, 256, 256)
    cut = lower_face(rows)
    assert cut.shape[-2:] == (144, 176)
    assert cut.min() == 112
    assert cut.max() == 255


@pytest.mark.parametrize("side", [64, 128])
def test_a_discriminator_hears_the_condition(side: int) -> None:
    torch.manual_seed(0)
    network = WindowDiscriminator((8, 16, 16)).eval()
    picture, hole = torch.rand(2, 3, side, side), torch.ones(2, 1, side, side)
    logits, features = network(picture, hole, torch.eye(7)[:2])
    other, _ = network(picture, hole, torch.eye(7)[2:4])
    assert logits.shape == (2, 1, side // 8, side // 8)
    assert len(features) == 4
    assert not torch.allclose(logits, other)
