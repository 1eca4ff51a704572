"""The perceptual loss on whichever feature network: loaded once, frozen, by its own distance."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ecgan.engine.errors import ModelMissing, OptionError
from ecgan.engine.registry import Registry
from ecgan.trainer.losses import feature_networks
from ecgan.trainer.losses.feature_networks import FEATURE_NETWORKS, PerceptualLoss


class Halves(nn.Module):
    """Two maps: the picture, and half of it."""

    calls = 0

    def forward(self, picture: Tensor) -> list[Tensor]:
        self.calls += 1
        return [picture, picture / 2]


class WithDistance(Halves):
    def distance(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        return (a[0] - b[0]).abs().amax((1, 2, 3))


def load_halves(_path: Path) -> nn.Module:
    return Halves()


def load_with_distance(_path: Path) -> nn.Module:
    return WithDistance()


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"halves": load_halves, "own": load_with_distance}

    class Here(Registry):
        def __getitem__(self, name: str) -> object:
            return here[name]

    monkeypatch.setattr(feature_networks, "FEATURE_NETWORKS", Here("feature network", {}))


@pytest.mark.usefixtures("stand_ins")
@pytest.mark.parametrize(("name", "expected"), [("halves", 0.5 + 0.25), ("own", 0.5)])
def test_a_network_s_own_distance_wins_over_the_paper_s(name: str, expected: float) -> None:
    loss = PerceptualLoss(name, Path("any"))
    fake, real = torch.full((2, 3, 8, 8), 0.5, requires_grad=True), torch.zeros(2, 3, 8, 8)
    found = loss(fake, real)
    assert float(found.detach()) == pytest.approx(expected)
    found.backward()
    assert fake.grad is not None
    assert fake.grad.abs().sum() > 0
    assert isinstance(loss.network, Halves)
    assert loss.network.calls == 2
    loss(fake, real)
    assert loss.network.calls == 4  # the same network again


@pytest.mark.parametrize("name", FEATURE_NETWORKS)
def test_a_network_without_its_file_says_so(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"none\.pth' does not exist"):
        PerceptualLoss(name, tmp_path / "none.pth")


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(
        OptionError, match="unknown feature network 'vgg16'; choose from mobilenet-v2"
    ):
        PerceptualLoss("vgg16", Path("none"))
