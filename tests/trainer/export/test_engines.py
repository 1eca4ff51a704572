"""TensorRT takes every network that is exported, in both precisions: real builds, without a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from ecgan.engine.contract import INPUTS
from ecgan.engine.errors import BackendUnavailable
from ecgan.engine.tensorrt.build import BuildOptions, build_engine
from ecgan.engine.tensorrt.flavour import RTX, load_flavour
from ecgan.trainer.export import Exported

from .conftest import MAKERS

Exports = dict[str, tuple[nn.Module, Exported]]


@pytest.fixture(autouse=True)
def _rtx() -> None:
    try:
        load_flavour(RTX)
    except BackendUnavailable as error:
        pytest.skip(f"{error.message}; {error.hint}")


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", MAKERS)
def test_an_engine_of_each(name: str, precision: str, exports: Exports, tmp_path: Path) -> None:
    exported = exports[name][1]
    file = exported.full if precision == "fp32" else exported.half
    assert file is not None
    options = BuildOptions(flavour=RTX, target="portable", precision=precision)
    made = build_engine(file.path, tmp_path / "a.engine", options)
    assert (made.precision, made.onnx_sha256) == (precision, file.sha256)
    assert {"sm80", "sm86", "sm89", "sm120"} <= set(made.targets)
    inputs = INPUTS["segmenter" if name == "segmenter" else "generator"]
    assert {tensor.name: tensor.dtype for tensor in made.inputs} == {
        wanted: str(spec.dtype) for wanted, spec in inputs.items()
    }
    assert [tensor.dtype for tensor in made.outputs] == ["uint8"]
    assert made.layers["CONVOLUTION"].keys() == {"float32" if precision == "fp32" else "float16"}
