"""Folding, half precision, ranges and measures, each by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ecgan.engine.errors import OptionError, ParityError
from ecgan.trainer.export import RANGES, SYMMETRIC, check
from ecgan.trainer.export.contract import PaperContract, input_range, with_contract
from ecgan.trainer.export.fold import fold, fold_batch_norm
from ecgan.trainer.export.half import HalfNetwork, InFloat, largest_activation

from .conftest import MAKERS, small_network


class Odd(nn.Module):
    """Norms after a depthwise, a transposed and a grouped transposed convolution, and two that stay."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
        self.after_a = nn.BatchNorm2d(4)
        self.b = nn.ConvTranspose2d(4, 6, 2, 2)
        self.after_b = nn.BatchNorm2d(6)
        self.c = nn.ConvTranspose2d(6, 6, 2, 2, groups=3)
        self.after_c = nn.BatchNorm2d(6)
        self.twice = nn.Conv2d(6, 6, 1)
        self.shared = nn.BatchNorm2d(6)
        self.alone = nn.BatchNorm2d(6)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.after_a(self.a(x)))
        x = torch.relu(self.after_b(self.b(x)))
        x = self.after_c(self.c(x))
        x = self.shared(self.twice(x)) + self.shared(self.twice(x.neg()))
        return self.alone(torch.relu(x))


@torch.no_grad()
def test_norms_fold_into_what_they_follow_however_it_is_written() -> None:
    torch.manual_seed(0)
    network = Odd().eval()
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for tensor in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
                assert tensor is not None
                tensor.uniform_(0.5, 2)
    x = torch.randn(2, 4, 8, 8)
    folded = fold_batch_norm(network, lambda copy: copy(x))
    kept = [n for n, part in folded.named_modules() if isinstance(part, nn.BatchNorm2d)]
    assert kept == ["after_c", "shared", "alone"]
    torch.testing.assert_close(folded(x), network(x), rtol=1e-5, atol=1e-5)
    assert isinstance(network.after_a, nn.BatchNorm2d)


@pytest.mark.parametrize("name", MAKERS)
@torch.no_grad()
def test_folding_keeps_what_a_network_gives_and_leaves_no_norm(name: str) -> None:
    network = small_network(name)
    contract = with_contract(network, RANGES[SYMMETRIC])
    crops = np.random.default_rng(0).integers(0, 256, (1, 256, 256, 3), dtype=np.uint8)
    inputs = [torch.from_numpy(value) for value in check.make_feeds(contract, crops).values()]
    folded = fold(network, lambda copy: with_contract(copy, RANGES[SYMMETRIC])(*inputs), 256)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.modules())
    found = with_contract(folded, RANGES[SYMMETRIC]).levels(*inputs)
    torch.testing.assert_close(found, contract.levels(*inputs), rtol=0, atol=2e-2)


@pytest.mark.parametrize("name", ["ecgan", "ecgan-baseline"])
@torch.no_grad()
def test_the_paper_s_network_paints_at_the_side_it_was_trained_at(name: str) -> None:
    network, shown = small_network(name), replace(RANGES[SYMMETRIC], side=64)
    contract = with_contract(network, shown)
    crops = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    crops = crops.repeat(4, axis=1).repeat(4, axis=2)
    feeds = check.make_feeds(contract, crops)
    feeds["mask"] = np.where(np.arange(256)[:, None] >= 128, 255, 0).repeat(256, 1)[None]
    feeds["mask"] = feeds["mask"].astype(np.uint8)
    inputs = [torch.from_numpy(value) for value in feeds.values()]
    found = contract.levels(*inputs)
    picture = torch.from_numpy(crops[:, ::4, ::4]).permute(0, 3, 1, 2) / 127.5 - 1
    mask = torch.from_numpy(feeds["mask"][:, None, ::4, ::4]) / 127.5 - 1
    small = network(torch.cat([picture, mask.expand(-1, 3, -1, -1)], 1), inputs[2])
    large = torch.nn.functional.interpolate(small, scale_factor=4.0, mode="bilinear")
    wanted = ((large + 1) * 127.5).clamp(0, 255).permute(0, 2, 3, 1)
    torch.testing.assert_close(found[:, 128:], wanted[:, 128:], rtol=0, atol=1e-2)
    assert (found[:, :128] == torch.from_numpy(crops[:, :128])).all()
    folded = fold(network, lambda copy: with_contract(copy, shown)(*inputs), 64)
    torch.testing.assert_close(
        with_contract(folded, shown).levels(*inputs), found, rtol=0, atol=2e-2
    )


class Big(nn.Module):
    """Values whose squares are beyond float16, normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.constant_(self.conv.weight, 3000.0)
        self.norm = nn.InstanceNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


@torch.no_grad()
def test_sums_over_a_picture_stay_in_float32() -> None:
    network, x = Big().eval(), torch.randn(1, 1, 32, 32)
    half = HalfNetwork(network)
    assert isinstance(half.network.norm, InFloat)
    assert half.network.conv.weight.dtype == torch.float16
    assert network.conv.weight.dtype == torch.float32
    found = half(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, network(x), rtol=0, atol=5e-3)
    holder = nn.Module()
    holder.network = network
    holder.forward = network.forward  # type: ignore[method-assign]
    assert largest_activation(holder, (x,)) == pytest.approx(3000 * float(x.abs().max()), rel=1e-5)


def test_the_paper_s_network_gets_its_pictures_in_the_asked_range() -> None:
    seen: list[Tensor] = []

    class Spy(nn.Module):
        def forward(self, picture: Tensor, _label: Tensor) -> Tensor:
            seen.append(picture)
            return picture[:, :3]

    crop = torch.randint(0, 256, (1, 256, 256, 3), dtype=torch.uint8)
    mask = torch.zeros(1, 256, 256, dtype=torch.uint8)
    mask[:, 100:, :] = 255
    for name in RANGES:
        # A network that gives back what it is shown paints what was there.
        painted = PaperContract(Spy(), input_range(name))(crop, mask, torch.eye(7)[:1])
        assert torch.equal(painted, crop)
    assert seen[0][0, 3, 0, 0] == -1
    assert seen[0][0, 3, 200, 0] == 1
    # ImageNet's mean and deviation take white to 2.64 in blue, and the map's 0 and 1 in red to these.
    assert float(seen[1][0, 3, 0, 0]) == pytest.approx(-0.485 / 0.229)
    assert float(seen[1][0, 3, 200, 0]) == pytest.approx((1 - 0.485) / 0.229)
    white = torch.full_like(crop, 255)
    PaperContract(Spy(), input_range("imagenet"))(white, mask, torch.eye(7)[:1])
    assert float(seen[2][0, 2].max()) == pytest.approx(2.64, abs=0.01)
    with pytest.raises(
        OptionError, match=r"unknown input range '0\.\.1'; choose from -1\.\.1, imagenet"
    ):
        input_range("0..1")


def test_the_difference_is_that_of_what_is_painted() -> None:
    wanted = np.zeros((1, 4, 4, 3), np.uint8)
    found = wanted.copy()
    found[0, :2] = 2
    feeds = {"crop": wanted, "mask": np.zeros((1, 4, 4), np.uint8)}
    feeds["mask"][0, :1] = 255
    one = check.compare(found, wanted, feeds)
    assert (one.worst, one.mean) == (2.0, 1.0)
    assert one.psnr == pytest.approx(20 * np.log10(255 / 2))
    assert check.compare(wanted, wanted, feeds).psnr == check.SAME
    with pytest.raises(ParityError, match="by 2 of 255, 1 allowed"):
        check.require_parity(one)
    with pytest.raises(ParityError, match=r"to 42\.1 dB") as caught:
        check.require_half_parity(one)
    assert "--fp32-only" in str(caught.value.hint)
