"""The exported files of every network: contract, agreement with torch, untouched pixels, bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.contract import BATCH_MAX, output_name
from ecgan.engine.errors import ParityError
from ecgan.engine.models import GENERATOR, SEGMENTER
from ecgan.engine.types import U8
from ecgan.trainer.export import RANGES, SYMMETRIC, Exported, check, export_onnx, graph, write
from ecgan.trainer.networks.ecgan import DILATIONS

from .conftest import MAKERS, NARROW, small_network

Exports = dict[str, tuple[nn.Module, Exported]]
pytestmark = pytest.mark.slow

FILES = [(name, precision) for name in MAKERS for precision in ("fp32", "fp16")]


def path_of(exports: Exports, name: str, precision: str) -> Path:
    exported = exports[name][1]
    if precision == "fp32":
        return exported.full.path
    assert exported.half is not None
    return exported.half.path


def feeds(name: str, count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    mask = np.zeros((count, 256, 256), np.uint8)
    mask[:, 150:230, 80:170] = rng.integers(1, 256, (count, 80, 90))
    found = {"crop": rng.integers(0, 256, (count, 256, 256, 3), dtype=np.uint8)}
    if name != SEGMENTER:
        found |= {"mask": mask, "expression": np.eye(7, dtype=np.float32)[np.arange(count) % 7]}
    return found


def part(values: dict[str, np.ndarray], rows: slice) -> dict[str, np.ndarray]:
    return {name: value[rows] for name, value in values.items()}


@pytest.mark.parametrize(("name", "precision"), FILES)
def test_a_file_keeps_the_contract_at_every_batch(
    exports: Exports, name: str, precision: str
) -> None:
    backend = OrtBackend.open(path_of(exports, name, precision), device="cpu", threads=2)
    output = output_name(backend, SEGMENTER if name == SEGMENTER else GENERATOR)
    given = feeds(name, BATCH_MAX)
    together = backend.run(given)[output]
    alone = backend.run(part(given, slice(3, 4)))[output]
    assert np.abs(alone[0].astype(int) - together[3]).max() <= 1  # another sum order
    if name != SEGMENTER:
        crops, mask = given["crop"], given["mask"]
        np.testing.assert_array_equal(together[mask == 0], crops[mask == 0])
        assert (together[mask == 255] != crops[mask == 255]).mean() > 0.5
    backend.close()


@pytest.mark.parametrize("name", MAKERS)
def test_figures_are_those_of_the_files(exports: Exports, name: str) -> None:
    exported = exports[name][1]
    given = feeds(name, 2)
    full = check.by_onnxruntime(exported.full.path, given)
    half = check.by_onnxruntime(path_of(exports, name, "fp16"), given)
    found = check.compare(half, full, given)
    # The crops are others than those of the export, so only nearly so.
    assert found.psnr == pytest.approx(exported.figures["fp16_psnr"], abs=6)
    assert found.psnr > check.MIN_PSNR
    assert 0 < exported.figures["stored_half_worst_level"] < check.MAX_STORED
    assert exported.figures["export_worst_level"] <= check.MAX_LEVELS


@pytest.mark.parametrize(("name", "precision"), FILES)
def test_byte_inputs_meet_a_cast_and_weights_have_the_right_size(
    exports: Exports, name: str, precision: str
) -> None:
    model = onnx.load(path_of(exports, name, precision))
    for value in model.graph.input:
        if value.type.tensor_type.elem_type == onnx.TensorProto.UINT8:
            users = [node.op_type for node in model.graph.node if value.name in node.input]
            assert users == ["Cast"], value.name
    last = next(node for node in model.graph.node if model.graph.output[0].name in node.output)
    assert last.op_type == "Cast"
    large = [t for t in model.graph.initializer if np.prod(t.dims) >= 2 * graph.HALF_FROM]
    assert large
    assert {t.data_type for t in large} == {onnx.TensorProto.FLOAT16}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    direct = {types.get(node.input[1]) for node in convolutions}
    # Behind a Cast in the first file; arithmetic in half in the second.
    assert direct <= ({None, 1} if precision == "fp32" else {onnx.TensorProto.FLOAT16})


@pytest.mark.parametrize(("name", "precision"), FILES)
def test_a_file_says_nothing_of_where_it_was_made(
    exports: Exports, name: str, precision: str
) -> None:
    content = path_of(exports, name, precision).read_bytes()
    for word in (b".py", b"stack_trace", b"ecgan.trainer", str(Path.cwd()).encode()):
        assert word not in content


def test_the_same_network_gives_the_same_bytes(exports: Exports, tmp_path: Path) -> None:
    crops = np.zeros((2, 256, 256, 3), np.uint8)
    again = export_onnx(small_network(SEGMENTER), tmp_path, "again", crops, scale=RANGES[SYMMETRIC])
    assert again.half is not None
    first = exports[SEGMENTER][1]
    assert first.half is not None
    assert (again.full.sha256, again.half.sha256) == (first.full.sha256, first.half.sha256)


def test_what_lies_under_the_mask_is_looked_at_by_the_paper_s_network_alone(
    exports: Exports,
) -> None:
    mask = np.zeros((1, 256, 256), np.uint8)
    mask[:, 130:230, 60:200] = 255
    rng = np.random.default_rng(2)
    one = rng.integers(0, 256, (1, 256, 256, 3), dtype=np.uint8)
    two = one.copy()
    two[mask == 255] = 7
    weights = np.eye(7, dtype=np.float32)[:1]
    for name in ("ecgan-fast", "ecgan"):
        path = path_of(exports, name, "fp32")
        found = [
            check.by_onnxruntime(path, {"crop": crop, "mask": mask, "expression": weights})
            for crop in (one, two)
        ]
        assert np.array_equal(*found) == (name == "ecgan-fast")


def test_the_paper_s_network_answers_what_is_asked_and_the_baseline_does_not(
    exports: Exports,
) -> None:
    for name in ("ecgan", "ecgan-baseline"):
        given = part(feeds(name, 2), slice(1))
        other = given | {"expression": np.eye(7, dtype=np.float32)[5:6]}
        path = path_of(exports, name, "fp32")
        found = [check.by_onnxruntime(path, asked) for asked in (given, other)]
        assert np.array_equal(*found) == (name == "ecgan-baseline")


def test_dead_taps_norms_and_cancelled_biases_are_not_in_the_file(exports: Exports) -> None:
    network, exported = exports["ecgan"]
    model = onnx.load(exported.full.path)
    in_file = sum(int(np.prod(t.dims)) for t in model.graph.initializer)
    trained = sum(p.numel() for p in network.parameters())
    widest = 32 * NARROW
    dead = sum(8 * widest**2 for dilation in DILATIONS if dilation >= 8)
    assert in_file == pytest.approx(trained - dead, rel=0.01)
    assert in_file / trained < 0.71
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}


def test_files_that_differ_are_refused_and_not_left_behind(
    exports: Exports, tmp_path: Path, noise_crops: U8, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = small_network(SEGMENTER)

    def traced(_contract: nn.Module, _feeds: object, part: Path) -> onnx.ModelProto:
        return onnx.load(path_of(exports, SEGMENTER, "fp16" if "fp16" in part.name else "fp32"))

    monkeypatch.setattr(write, "_traced", traced)  # tracing them again would show nothing more
    for limit, value, message in (
        ("MIN_PSNR", 98.0, r"float16 .* dB, at least 98"),
        ("MAX_LEVELS", -1.0, "differs from torch"),
    ):
        monkeypatch.setattr(check, limit, value)
        with pytest.raises(ParityError, match=message):
            export_onnx(network, tmp_path, "s", noise_crops, scale=RANGES[SYMMETRIC])
        assert not list(tmp_path.iterdir())


def test_weights_that_half_precision_would_spoil_stay_whole(
    tmp_path: Path, noise_crops: U8
) -> None:
    network = small_network(SEGMENTER)
    with torch.no_grad():
        network.to_logit.weight.mul_(2000)  # type: ignore[union-attr,operator]
    exported = export_onnx(network, tmp_path, "s", noise_crops, scale=RANGES[SYMMETRIC], half=False)
    assert exported.half is None
    assert exported.figures["stored_half_worst_level"] >= check.MAX_STORED
    types = {t.data_type for t in onnx.load(exported.full.path).graph.initializer}
    assert onnx.TensorProto.FLOAT16 not in types
