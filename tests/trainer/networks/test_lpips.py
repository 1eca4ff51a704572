"""LPIPS against its definition written out, on random weights under the package's names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ecgan.engine.errors import ModelMismatch, ModelMissing
from ecgan.trainer.networks.lpips import BODIES, load_lpips

# Slice and number in torchvision's features -> shape of the weights.
ALEX = {
    (1, 0): (64, 3, 11, 11),
    (2, 3): (192, 64, 5, 5),
    (3, 6): (384, 192, 3, 3),
    (4, 8): (256, 384, 3, 3),
    (5, 10): (256, 256, 3, 3),
}


def alex_state() -> dict[str, Tensor]:
    """As ``lpips.LPIPS(net='alex').state_dict()`` names it, what it repeats included."""
    generator = torch.Generator().manual_seed(0)
    state = {
        "scaling_layer.shift": torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1),
        "scaling_layer.scale": torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1),
    }
    for number, ((part, index), shape) in enumerate(ALEX.items()):
        scale = (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
        state[f"net.slice{part}.{index}.weight"] = torch.randn(shape, generator=generator) * scale
        state[f"net.slice{part}.{index}.bias"] = torch.randn(shape[0], generator=generator) * 0.1
        weight = torch.rand(1, shape[0], 1, 1, generator=generator)
        state[f"lin{number}.model.1.weight"] = state[f"lins.{number}.model.1.weight"] = weight
    return state


def by_definition(state: dict[str, Tensor], a: Tensor, b: Tensor) -> Tensor:
    """AlexNet's features written out, in float64."""
    strides, paddings, pooled = (4, 1, 1, 1, 1), (2, 2, 1, 1, 1), (False, True, True, False, False)
    x = torch.cat([a, b]).double()
    x = (x - state["scaling_layer.shift"]) / state["scaling_layer.scale"]
    total = torch.zeros(len(a), dtype=torch.float64)
    for number, (part, index) in enumerate(ALEX):
        if pooled[number]:
            x = F.max_pool2d(x, 3, 2)
        name = f"net.slice{part}.{index}"
        weight, bias = state[f"{name}.weight"].double(), state[f"{name}.bias"].double()
        x = F.relu(F.conv2d(x, weight, bias, strides[number], paddings[number]))
        one, two = (x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)).chunk(2)
        gap = (one - two).square() * state[f"lin{number}.model.1.weight"]
        total += gap.sum(1).mean((1, 2))
    return total


def test_distance_is_that_of_the_definition(tmp_path: Path) -> None:
    state = alex_state()
    torch.save(state, tmp_path / "alex.pth")
    network = load_lpips(tmp_path / "alex.pth", "alex")
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.rand(2, 3, 80, 64, generator=generator) * 2 - 1 for _ in range(2))
    a.requires_grad_()
    found = network.distance(a, b)
    torch.testing.assert_close(
        found.double(), by_definition(state, a.detach(), b), rtol=1e-4, atol=1e-6
    )
    found.sum().backward()
    assert a.grad is not None
    assert torch.isfinite(a.grad).all()
    assert float(network.distance(b, network(b)).abs().max()) == 0
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_vgg_has_five_taps_where_the_widths_change() -> None:
    assert [part.width for part in BODIES["vgg"] if part.tap] == [64, 128, 256, 512, 512]
    assert sum(part.pool > 0 for part in BODIES["vgg"]) == 4


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="does not exist"):
        load_lpips(tmp_path / "none.pth", "alex")
    torch.save({"lin0.model.1.weight": torch.zeros(1)}, tmp_path / "half.pth")
    with pytest.raises(ModelMismatch, match="not a state dictionary of LPIPS on vgg") as caught:
        load_lpips(tmp_path / "half.pth", "vgg")
    assert "lpips.LPIPS(net='vgg')" in str(caught.value.hint)


def test_a_weight_restricts_the_distance_to_what_it_marks(tmp_path: Path) -> None:
    path = tmp_path / "alex.pth"
    torch.save(alex_state(), path)
    network = load_lpips(path, "alex")
    a, b = torch.rand(1, 3, 128, 128) * 2 - 1, torch.zeros(1, 3, 128, 128)
    b[..., :64] = a[..., :64]  # the left half is equal
    left, right = torch.zeros(2, 1, 1, 128, 128)
    # AlexNet's last maps see far: keep away from the seam between the halves
    left[..., :8], right[..., 120:] = 1, 1
    assert network.distance(a, b, weight=torch.ones(1, 1, 128, 128)) == pytest.approx(
        network.distance(a, b).item(), rel=1e-5
    )
    assert network.distance(a, b, weight=right) > 3 * network.distance(a, b, weight=left)
