"""Torch as a runtime: the promises of every backend, and the shipped networks' very output."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from ecgan.engine.backends import BACKENDS, Backend
from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.contract import BATCH_MAX, INPUTS, OUTPUTS
from ecgan.engine.errors import BackendUnavailable, EcganError, ModelMismatch
from ecgan.engine.models import model_folder as shipped_models
from ecgan.engine.pipeline import Unmasker
from ecgan.trainer.torch_backend import TorchBackend, register

from ..engine.backends.conftest import generator_feeds


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def generator(model_folder: Path) -> TorchBackend:
    return TorchBackend.open(model_folder / "generator.onnx", device="cpu", threads=1)


def test_the_engine_knows_it_once_it_is_registered() -> None:
    register()
    register()
    assert BACKENDS["torch"] is TorchBackend


def test_it_keeps_what_a_backend_promises(generator: TorchBackend) -> None:
    assert isinstance(generator, Backend)
    assert (generator.name, generator.device) == ("torch", "cpu")
    assert dict(generator.inputs) == dict(INPUTS["generator"])
    assert list(generator.outputs.values()) == [OUTPUTS["generator"]]
    feeds = generator_feeds(BATCH_MAX)
    (together,) = generator.run(feeds).values()
    (alone,) = generator.run({name: array[3:4] for name, array in feeds.items()}).values()
    np.testing.assert_array_equal(alone[0], together[3])


@pytest.mark.parametrize(
    ("name", "kind"), [("ecgan-fast", "generator"), ("segmenter", "segmenter")]
)
def test_it_paints_what_onnxruntime_paints(name: str, kind: str) -> None:
    path = shipped_models() / f"{name}.onnx"
    feeds = {key: array for key, array in generator_feeds(2).items() if key in INPUTS[kind]}
    (found,) = TorchBackend.open(path, device="cpu", threads=1).run(feeds).values()
    (expected,) = OrtBackend.open(path, device="cpu", threads=1).run(feeds).values()
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= 1  # sums in another order, then rounded
    assert expected.max() > expected.min()


def test_the_pipeline_runs_on_it(model_folder: Path, masked_photo: np.ndarray, unmasker) -> None:
    register()
    with Unmasker(models=model_folder, backend="torch", device="cpu", threads=1) as by_torch:
        found = by_torch.unmask(masked_photo, "happy")
        assert by_torch.describe()["backend"] == "torch"
    expected = unmasker.unmask(masked_photo, "happy")
    assert [face.status for face in found.faces] == [face.status for face in expected.faces]
    assert np.abs(found.image.astype(int) - expected.image).max() <= 1


def _file(tmp_path: Path, *nodes: onnx.NodeProto, **constants: np.ndarray) -> Path:
    """A model float x (N, 4, 6, 8) -> y."""
    graph = helper.make_graph(
        list(nodes),
        "made",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4, 6, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["a", "b", "c", "d"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    path = tmp_path / "made.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path


_RNG = np.random.default_rng(0)
_WEIGHT = _RNG.normal(size=(4, 4, 3, 3)).astype(np.float32)
_FOUR = _RNG.normal(size=4).astype(np.float32)


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        pytest.param(
            [helper.make_node("Resize", ["x", "", "scales"], ["y"], mode=mode, nearest_mode="floor",
                              coordinate_transformation_mode="asymmetric" if mode == "nearest" else "half_pixel")],
            {"scales": np.array([1, 1, 2, 2], np.float32)},
            id=f"Resize {mode}",
        )
        for mode in ("nearest", "linear")
    ]
    + [
        pytest.param([helper.make_node("DepthToSpace", ["x"], ["y"], blocksize=2, mode="CRD")], {}, id="DepthToSpace"),
        pytest.param([helper.make_node("InstanceNormalization", ["x", "s", "b"], ["y"], epsilon=1e-5)],
                     {"s": _FOUR, "b": _FOUR}, id="InstanceNormalization"),
        pytest.param([helper.make_node("ConvTranspose", ["x", "w", "b"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1],
                                       output_padding=[1, 1])], {"w": _WEIGHT, "b": _FOUR}, id="ConvTranspose"),
        pytest.param([helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], pads=[1, 1, 0, 0])],
                     {"w": _WEIGHT}, id="ConvTranspose, uneven"),
        pytest.param([helper.make_node("Conv", ["x", "w"], ["y"], pads=[2] * 4, dilations=[2, 2])],
                     {"w": _WEIGHT}, id="Conv, dilated"),
        pytest.param([helper.make_node("ReduceMean", ["x", "axes"], ["y"], keepdims=1)],
                     {"axes": np.array([2, 3])}, id="ReduceMean"),
        pytest.param([helper.make_node("GlobalAveragePool", ["x"], ["y"])], {}, id="GlobalAveragePool"),
        pytest.param([helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2])], {}, id="MaxPool"),
        pytest.param([helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2])], {}, id="AveragePool"),
        pytest.param([helper.make_node("LeakyRelu", ["x"], ["y"], alpha=0.2)], {}, id="LeakyRelu"),
        pytest.param([helper.make_node("Slice", ["x", "from", "to", "axes"], ["y"])],
                     {"from": np.array([1]), "to": np.array([3]), "axes": np.array([1])}, id="Slice"),
        pytest.param([helper.make_node("Split", ["x", "sizes"], ["y", "z"], axis=1)],
                     {"sizes": np.array([1, 3])}, id="Split"),
        pytest.param([helper.make_node("Shape", ["x"], ["whole"]),
                      helper.make_node("Gather", ["whole", "first"], ["n"]),
                      helper.make_node("Concat", ["n", "rest"], ["size"], axis=0),
                      helper.make_node("Reshape", ["x", "size"], ["y"])],
                     {"first": np.array([0]), "rest": np.array([24, 8])}, id="Reshape"),
        pytest.param([helper.make_node("Shape", ["x"], ["n"], start=0, end=1),
                      helper.make_node("Squeeze", ["n", "zero"], ["scalar"]),
                      helper.make_node("Unsqueeze", ["scalar", "zero"], ["again"]),
                      helper.make_node("Concat", ["again", "rest"], ["size"], axis=0),
                      helper.make_node("Expand", ["row", "size"], ["wide"]),
                      helper.make_node("Add", ["x", "wide"], ["y"])],
                     {"zero": np.array([0]), "rest": np.array([4, 6, 8]), "row": _FOUR.reshape(1, 4, 1, 1)}, id="Expand"),
    ],
)  # fmt: skip
def test_a_node_computes_what_onnxruntime_computes(
    tmp_path: Path, nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray]
) -> None:
    path = _file(tmp_path, *nodes, **constants)
    feeds = {"x": _RNG.normal(size=(2, 4, 6, 8)).astype(np.float32)}
    found = TorchBackend.open(path, device="cpu", threads=1).run(feeds)["y"]
    expected = OrtBackend.open(path, device="cpu", threads=1).run(feeds)["y"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_node_that_it_was_not_taught_is_named(tmp_path: Path) -> None:
    path = _file(tmp_path, helper.make_node("Erf", ["x"], ["y"]))
    with pytest.raises(ModelMismatch, match="holds the node 'Erf'"):
        TorchBackend.open(path, device="cpu", threads=1)


def test_a_file_that_is_no_model_is_a_mismatch(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelMismatch, match=r"broken\.onnx' is not an ONNX model"):
        TorchBackend.open(path, device="cpu", threads=1)


def test_a_card_that_is_not_there_is_an_error(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendUnavailable, match="device 'cuda:1' cannot be used by torch"):
        TorchBackend.open(model_folder / "generator.onnx", device="cuda:1")
    assert TorchBackend.open(model_folder / "generator.onnx", threads=1).device == "cpu"


def test_without_torch_the_extra_is_named(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(BackendUnavailable, match="backend 'torch' cannot be used") as caught:
        TorchBackend.open(model_folder / "generator.onnx")
    assert caught.value.hint == "pip install 'ecgan[train]'"


def test_wrong_feeds_and_a_closed_model_are_errors(model_folder: Path) -> None:
    backend = TorchBackend.open(model_folder / "segmenter.onnx", device="cpu", threads=1)
    with pytest.raises(ModelMismatch, match="input 'crop'"):
        backend.run({"crop": np.zeros((1, 8, 8, 3), np.uint8)})
    backend.close()
    with pytest.raises(EcganError, match="closed"):
        backend.run({"crop": np.zeros((1, 256, 256, 3), np.uint8)})
