from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ecgan.engine.errors import ModelMismatch, ModelMissing
from ecgan.trainer.losses.perceptual import PerceptualLoss, Vgg19Features, load_vgg19


class Two(nn.Module):
    """Features that one can work out: the picture doubled, and its mean colour."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(2.0))
        self.norm = nn.BatchNorm2d(3)

    def forward(self, picture: Tensor) -> list[Tensor]:
        return [self.gain * picture, picture.mean((2, 3))]


def test_any_feature_network_can_be_put_in() -> None:
    fake, real = torch.full((1, 3, 4, 4), 0.5), torch.full((1, 3, 4, 4), 0.25)
    assert float(PerceptualLoss(Two())(fake, real)) == pytest.approx(2 * 0.25 + 0.25)
    assert float(PerceptualLoss(Two())(real, real)) == 0


def test_gradient_reaches_the_fake_and_nothing_else() -> None:
    fake, real = torch.rand(1, 3, 4, 4, requires_grad=True), torch.rand(1, 3, 4, 4).requires_grad_()
    network = Two()
    PerceptualLoss(network)(fake, real).backward()
    assert fake.grad is not None
    assert float(fake.grad.abs().sum()) > 0
    assert real.grad is None
    assert network.gain.grad is None


def test_the_feature_network_stays_in_evaluation_mode() -> None:
    loss = PerceptualLoss(Two()).train()
    assert loss.training
    assert not loss.network.training
    assert not loss.network.norm.training


@torch.no_grad()
def test_vgg19_taps_are_four_maps_after_relu() -> None:
    maps = Vgg19Features()(torch.rand(1, 3, 48, 48) * 2 - 1)
    shapes = [(64, 224), (128, 112), (256, 56), (512, 28)]
    assert [tuple(m.shape[1:3]) for m in maps] == shapes
    assert all(float(m.min()) >= 0 for m in maps)


def test_vgg19_is_read_from_a_whole_state_dictionary(tmp_path: Path) -> None:
    wanted = Vgg19Features()
    later = {"features.23.weight": torch.zeros(512, 512, 3, 3), "classifier.0.bias": torch.zeros(9)}
    torch.save(wanted.state_dict() | later, tmp_path / "vgg19.pth")
    found = load_vgg19(tmp_path / "vgg19.pth").state_dict()
    assert found.keys() == wanted.state_dict().keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.state_dict().items())


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="does not exist"):
        load_vgg19(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("text")
    with pytest.raises(ModelMismatch, match="is not a checkpoint"):
        load_vgg19(tmp_path / "text.pth")
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ModelMismatch, match="is not a state dictionary of VGG-19"):
        load_vgg19(tmp_path / "other.pth")
    state = Vgg19Features().state_dict()
    torch.save(dict.fromkeys(state, torch.zeros(1)), tmp_path / "shapes.pth")
    with pytest.raises(ModelMismatch, match="has other shapes than VGG-19"):
        load_vgg19(tmp_path / "shapes.pth")
