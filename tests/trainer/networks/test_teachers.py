"""Teacher networks: their crop, their distance, gradients, files; and the real weights where had."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ecgan.engine.errors import ModelMismatch, ModelMissing
from ecgan.trainer.networks import teachers
from ecgan.trainer.networks.face_expression import FaceExpression
from ecgan.trainer.networks.face_recognition import FaceRecognition
from ecgan.trainer.networks.perceptual import Perceptual
from ecgan.trainer.networks.teacher_blocks import AlignedCrop

WEIGHTS = Path(__file__).resolve().parents[4] / "shared" / "teachers"
FACE_NETWORKS = {
    "face_recognition.npz": (teachers.load_face_recognition, FaceRecognition),
    "face_expression.npz": (teachers.load_face_expression, FaceExpression),
}


def waves(size: int) -> Tensor:
    """The pictures (2, 3, size, size) that the archives' expected outputs belong to."""
    line = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    n = torch.arange(2, dtype=torch.float64).view(2, 1, 1, 1)
    c = torch.arange(3, dtype=torch.float64).view(1, 3, 1, 1)
    u, v, turn = line.view(1, 1, size, 1), line.view(1, 1, 1, size), 2 * math.pi
    value = (
        0.5 * torch.sin(turn * (2 * u + c / 3 + n / 5))
        + 0.3 * torch.cos(turn * (3 * v - c / 4))
        + 0.2 * torch.sin(turn * (9 * u * v + n / 2))
    )
    return value.float()


def frozen(network: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return network.eval().requires_grad_(False)


# --- the crop ----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [128, 256, 512])
def test_the_crop_takes_the_same_region_at_any_size(side: int) -> None:
    """Red grows with x, green with y, both in pixels of the 256 px crop."""
    crop = AlignedCrop((44.0, 72.0, 212.0, 240.0), 112)
    edge = (torch.arange(side) + 0.5) / side * 256
    ramp = torch.stack([edge.expand(side, side), edge[:, None].expand(side, side)])[None]
    out = crop(ramp)[0]
    wanted = (torch.arange(112) + 0.5) * 1.5
    # a triangle over whole pixels keeps a ramp only nearly when it shrinks
    tolerance = 1e-3 if side == 128 else 0.1
    torch.testing.assert_close(out[0, 50], 44 + wanted, rtol=0, atol=tolerance)
    torch.testing.assert_close(out[1, :, 50], 72 + wanted, rtol=0, atol=tolerance)


def test_the_crop_refuses_a_picture_that_is_not_square() -> None:
    with pytest.raises(ValueError, match="128x256"):
        AlignedCrop((44.0, 72.0, 212.0, 240.0), 112)(torch.zeros(1, 3, 128, 256))


# --- the networks ------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "outputs"), [(FaceRecognition, 128), (FaceExpression, 7)])
def test_a_face_network_reads_the_face_and_not_the_hair(
    make: Callable[[], nn.Module], outputs: int
) -> None:
    pictures = waves(128).requires_grad_()
    found = frozen(make())(pictures)
    assert found.shape == (2, outputs)
    found.square().sum().backward()
    assert pictures.grad is not None
    assert pictures.grad[..., 60:100, 50:80].abs().min() > 0
    assert pictures.grad[..., :20, :].abs().max() == 0


@pytest.fixture(scope="module")
def perceptual() -> Perceptual:
    network = frozen(Perceptual())
    assert isinstance(network, Perceptual)
    return network


@torch.no_grad()
def test_maps_shrink_from_tap_to_tap(perceptual: Perceptual) -> None:
    shapes = [tuple(found.shape) for found in perceptual(waves(96))]
    assert shapes == [(2, 96, 48, 48), (2, 144, 24, 24), (2, 192, 12, 12), (2, 384, 6, 6)]


@torch.no_grad()
def test_distance_is_a_distance(perceptual: Perceptual) -> None:
    a, b = waves(64), waves(64).flip(3)
    assert perceptual.distance(a, a).abs().max() < 1e-5
    forth, back = perceptual.distance(a, b), perceptual.distance(b, a)
    assert forth.shape == (2,)
    assert forth.min() > 0
    torch.testing.assert_close(forth, back)
    assert torch.equal(forth, perceptual.distance(perceptual(a), perceptual(b)))
    # by hand: unit vectors over the channels, squared differences, means over places and taps
    unit = nn.functional.normalize
    plain = [
        (unit(x, dim=1) - unit(y, dim=1)).square().sum(1).mean((1, 2))
        for x, y in zip(perceptual(a), perceptual(b), strict=True)
    ]
    torch.testing.assert_close(forth, torch.stack(plain).mean(0), rtol=1e-3, atol=1e-5)


@torch.no_grad()
def test_distance_looks_where_the_weight_is(perceptual: Perceptual) -> None:
    a = waves(128)
    b = a.clone()
    b[..., 96:, 96:] = 0.9
    everywhere = perceptual.distance(a, b)
    corner, rest = torch.zeros(2, 1, 128, 128), torch.zeros(2, 1, 128, 128)
    corner[..., 96:, 96:] = 1
    rest[..., :32, :32] = 1
    assert (perceptual.distance(a, b, weight=corner) > 3 * everywhere).all()
    assert (perceptual.distance(a, b, weight=rest) < 0.1 * everywhere).all()
    assert torch.equal(perceptual.distance(a, b, weight=0 * rest), torch.zeros(2))


def test_the_slope_stays_finite_where_every_channel_is_zero(perceptual: Perceptual) -> None:
    maps = [torch.zeros(1, 4, 3, 3, requires_grad=True)]
    perceptual.distance(maps, [torch.ones(1, 4, 3, 3)]).sum().backward()
    assert maps[0].grad is not None
    assert torch.isfinite(maps[0].grad).all()


# --- files -------------------------------------------------------------------------------------


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="does not exist"):
        teachers.load_perceptual(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("text")
    np.save(tmp_path / "array.npy", np.zeros(3))
    for name in ("text.npz", "array.npy"):
        with pytest.raises(ModelMismatch, match="is not an archive"):
            teachers.load_face_expression(tmp_path / name)
    np.savez(tmp_path / "other.npz", weight=np.zeros(3))
    with pytest.raises(ModelMismatch, match="does not hold the weights of FaceRecognition"):
        teachers.load_face_recognition(tmp_path / "other.npz")


def test_half_weights_come_back_as_a_frozen_float32_network(tmp_path: Path) -> None:
    torch.manual_seed(1)
    state = FaceExpression().state_dict()
    half = {name: tensor.numpy().astype(np.float16) for name, tensor in state.items()}
    np.savez(tmp_path / "x.npz", origin="drawn", **{"expected/output": np.zeros(2)}, **half)
    network = teachers.load_face_expression(tmp_path / "x.npz")
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, state[name], rtol=1e-3, atol=1e-4)


def real(name: str) -> Path:
    if not (WEIGHTS / name).is_file():
        pytest.skip(f"no '{name}' beside the repository")
    return WEIGHTS / name


@pytest.mark.parametrize("name", FACE_NETWORKS)
@pytest.mark.parametrize("size", [128, 256])
@torch.no_grad()
def test_real_weights_give_the_outputs_their_source_gave(name: str, size: int) -> None:
    """The stored weights are float16 or 8 bits; 1e-3 is what that rounding costs at most."""
    path = real(name)
    with np.load(path) as archive:
        wanted = archive[f"expected/output_{size}"]
    np.testing.assert_allclose(FACE_NETWORKS[name][0](path)(waves(size)), wanted, rtol=0, atol=1e-3)


@torch.no_grad()
def test_real_perceptual_weights_give_the_distance_their_source_gave() -> None:
    path = real("mobilenet_v2.npz")
    pictures = waves(128)
    with np.load(path) as archive:
        wanted = archive["expected/distance_128"]
    found = teachers.load_perceptual(path).distance(pictures[:1], pictures[1:])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4)
