"""The exported file: contract, agreement with torch, untouched pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.contract import output_name
from ecgan.engine.errors import ParityError
from ecgan.trainer import export
from ecgan.trainer.export import export_onnx, fold_batch_norm
from ecgan.trainer.networks.fast import FastGenerator
from ecgan.trainer.networks.segmenter import Segmenter

CROPS = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)


def randomised(network: nn.Module) -> nn.Module:
    """Weights and statistics as training might leave them: nothing is zero or one."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.normal_(module.weight, 1, 0.2)
            nn.init.normal_(module.bias, 0, 0.2)
    if isinstance(network, FastGenerator):
        for layer in (network.detail, network.head.to_rgb):
            nn.init.normal_(layer.weight, 0, 0.1)
    return network.eval()


def small_generator() -> FastGenerator:
    return randomised(FastGenerator((8, 8, 16, 16), (4, 4)))


def small_segmenter() -> Segmenter:
    return randomised(Segmenter((4, 4, 8, 8, 8)))


@pytest.mark.parametrize("make", [small_generator, small_segmenter])
def test_folding_batch_norm_changes_nothing(make: object) -> None:
    network = make()
    folded = fold_batch_norm(network)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    picture = torch.rand(1, 3, 256, 256) * 2 - 1
    inputs = [picture]
    if isinstance(network, FastGenerator):
        inputs += [(picture[:, :1] > 0).float(), torch.eye(7)[:1]]
    with torch.no_grad():
        one, two = network(*inputs), folded(*inputs)
    one, two = (x[0] if isinstance(x, tuple) else x for x in (one, two))
    assert (one - two).abs().max() < 1e-4 * max(1, one.abs().max())


@pytest.fixture(scope="module")
def generator_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "generator.onnx"
    # random weights reach far beyond [-1, 1], so a float16 weight can move a level or two
    exported = export_onnx(small_generator(), path, CROPS)
    assert exported.worst <= 2
    return path


@pytest.mark.slow
def test_a_generator_keeps_the_contract(generator_file: Path) -> None:
    backend = OrtBackend.open(generator_file, device="cpu")
    name = output_name(backend, "generator")
    rng = np.random.default_rng(1)
    crops = rng.integers(0, 256, (5, 256, 256, 3), dtype=np.uint8)
    mask = np.zeros((5, 256, 256), np.uint8)
    mask[:, 150:230, 80:170] = rng.integers(1, 256, (5, 80, 90))
    weights = np.eye(7, dtype=np.float32)[:5]
    painted = backend.run({"crop": crops, "mask": mask, "expression": weights})[name]
    np.testing.assert_array_equal(painted[mask == 0], crops[mask == 0])
    assert (painted[mask == 255] != crops[mask == 255]).any()
    alone = backend.run({"crop": crops[3:4], "mask": mask[3:4], "expression": weights[3:4]})[name]
    assert np.abs(alone[0].astype(int) - painted[3]).max() <= 1  # another batch, another sum order
    backend.close()


@pytest.mark.slow
def test_what_lies_under_the_mask_is_not_looked_at(generator_file: Path) -> None:
    backend = OrtBackend.open(generator_file, device="cpu")
    mask = np.zeros((1, 256, 256), np.uint8)
    mask[:, 130:230, 60:200] = 255
    other = CROPS[:1].copy()
    other[mask == 255] = 7
    feeds = {"mask": mask, "expression": np.zeros((1, 7), np.float32)}
    one = next(iter(backend.run({"crop": CROPS[:1], **feeds}).values()))
    two = next(iter(backend.run({"crop": other, **feeds}).values()))
    np.testing.assert_array_equal(one, two)
    backend.close()


@pytest.mark.slow
def test_large_weights_are_stored_in_half_and_the_input_meets_a_cast(generator_file: Path) -> None:
    model = onnx.load(generator_file)
    large = [t for t in model.graph.initializer if np.prod(t.dims) >= export.HALF_FROM]
    assert large
    assert all(t.data_type != onnx.TensorProto.FLOAT for t in large)
    first = next(n for n in model.graph.node if "crop" in n.input)
    assert first.op_type == "Cast"


@pytest.mark.slow
def test_a_file_that_differs_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MAX_LEVELS", -1.0)
    with pytest.raises(ParityError, match="differs from torch"):
        export_onnx(small_segmenter(), tmp_path / "s.onnx", CROPS)
    assert not list(tmp_path.iterdir())
