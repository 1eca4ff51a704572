from pathlib import Path

import pytest
import torch
from torch import Tensor

from ecgan.engine.errors import ModelMismatch, ModelMissing
from ecgan.trainer.losses.perceptual import Vgg19Features, load_vgg19, perceptual


def maps(seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(1, 3, 8, 8, generator=generator), torch.rand(1, 9, generator=generator)]


def test_each_map_counts_by_its_own_mean() -> None:
    fake, real = maps(0), [part - 0.25 for part in maps(0)]
    assert float(perceptual(fake, real)) == pytest.approx(2 * 0.25)
    assert float(perceptual(fake, fake)) == 0


def test_the_real_side_gets_no_gradient() -> None:
    fake, real = ([part.requires_grad_() for part in maps(seed)] for seed in (0, 1))
    perceptual(fake, real).backward()
    assert all(part.grad is not None and float(part.grad.abs().sum()) > 0 for part in fake)
    assert all(part.grad is None for part in real)


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
    network = load_vgg19(tmp_path / "vgg19.pth")
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    found = network.state_dict()
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
