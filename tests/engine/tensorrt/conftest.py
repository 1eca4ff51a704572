"""Models that TensorRT reads in no time, and TensorRT for RTX where it is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ecgan.engine.errors import BackendUnavailable
from ecgan.engine.tensorrt.driver import Gpu, find_gpu
from ecgan.engine.tensorrt.flavour import RTX, Flavour, load_flavour

FLOAT, HALF, UINT8 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8


@pytest.fixture(scope="session")
def rtx() -> Flavour:
    """TensorRT for RTX, which builds without a GPU; skips where it is not installed."""
    try:
        return load_flavour(RTX)
    except BackendUnavailable as error:
        pytest.skip(f"{error.message}; {error.hint}")


@pytest.fixture
def gpu() -> Gpu:
    """The GPU that is here; skips where none is."""
    try:
        return find_gpu()
    except BackendUnavailable as error:
        pytest.skip(error.message)


def graph(
    nodes: Sequence[onnx.NodeProto],
    *,
    source: tuple[str, int, list[int | str]],
    result: tuple[str, int, list[int | str]],
    constants: dict[str, np.ndarray] | None = None,
) -> bytes:
    """A model of one input and one output, each given as name, type and shape."""
    made = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(*source)],
        [helper.make_tensor_value_info(*result)],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return model.SerializeToString()


def convolutions(
    compute: int = FLOAT,
    stored: int | None = None,
    *,
    batch: int | str = "N",
    side: int | str = 16,
    layers: int = 3,
) -> bytes:
    """uint8 crop -> convolutions -> uint8 picture of the same size.

    Args:
        compute: Type that the convolutions compute in.
        stored: Type of their weights in the file, where another: a Cast then lies between.
        batch: First size of input and output.
        side: Second size of both.
        layers: How many convolutions.
    """
    rng = np.random.default_rng(0)
    kinds = {FLOAT: np.float32, HALF: np.float16}
    constants: dict[str, np.ndarray] = {}
    nodes = [
        helper.make_node("Cast", ["crop"], ["levels"], to=FLOAT),
        helper.make_node("Transpose", ["levels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["x0"], to=compute),
    ]
    for index in range(layers):
        weights = rng.normal(0, 0.05, (3, 3, 3, 3)).astype(kinds[stored or compute])
        weights[:, :, 1, 1] += np.eye(3, dtype=weights.dtype)
        constants[f"stored{index}"] = weights
        nodes.append(helper.make_node("Cast", [f"stored{index}"], [f"w{index}"], to=compute))
        nodes.append(
            helper.make_node(
                "Conv", [f"x{index}", f"w{index}"], [f"x{index + 1}"], pads=[1, 1, 1, 1]
            )
        )
    nodes += [
        helper.make_node("Cast", [f"x{layers}"], ["painted"], to=FLOAT),
        helper.make_node("Clip", ["painted", "zero", "full"], ["clipped"]),
        helper.make_node("Transpose", ["clipped"], ["rows"], perm=[0, 2, 3, 1]),
        helper.make_node("Cast", ["rows"], ["picture"], to=UINT8),
    ]
    constants |= {"zero": np.array(0, np.float32), "full": np.array(255, np.float32)}
    shape = [batch, side, 16, 3]
    return graph(
        nodes, source=("crop", UINT8, shape), result=("picture", UINT8, shape), constants=constants
    )


@pytest.fixture(scope="session")
def full_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that computes in float32."""
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    path.write_bytes(convolutions())
    return path


@pytest.fixture(scope="session")
def half_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose convolutions compute in float16."""
    path = tmp_path_factory.mktemp("onnx") / "tiny.fp16.onnx"
    path.write_bytes(convolutions(HALF))
    return path
