"""The rows of the table: each way to run a model file that is compared. A new one is one line."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecgan.engine.backends import BACKENDS, Backend, file_and_options
from ecgan.engine.errors import ModelMissing, OptionError
from ecgan.engine.tensorrt.driver import find_gpu

REFERENCE = "torch"
"""The row that the others are compared with, in speed and in what they give."""


@dataclass(frozen=True)
class Model:
    """One network, in as many files as it has precisions.

    Attributes:
        name: From the manifest, "ecgan-fast".
        kind: "segmenter" or "generator".
        files: Precision -> file.
        initial: The paper's network with torch's initial weights, of which no file is needed.
    """

    name: str
    kind: str
    files: Mapping[str, Path]
    initial: bool = False

    def file(self, precision: str) -> Path:
        """The file of a precision.

        Raises:
            ModelMissing: There is none.
        """
        if precision not in self.files:
            raise ModelMissing(
                f"{self.name} has no {precision} file",
                hint="ecgan export makes the fp16 file, ecgan.trainer.quantize the int8 one",
            )
        return self.files[precision]


@dataclass(frozen=True)
class Row:
    """One way to run a network.

    Attributes:
        name: For the command line.
        label: For people.
        precision: Numbers it computes with.
        device: "cpu" or "cuda:0".
        backend: Registry name, as ``ecgan unmask --backend`` takes it; None where it has none.
        opener: "module:function" that opens a ``Model`` for this row, where it is no backend.
        options: What else the backend's ``open`` is given.
    """

    name: str
    label: str
    precision: str = "fp32"
    device: str = "cpu"
    backend: str | None = None
    opener: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def open(self, model: Model, threads: int) -> Backend:
        """Load a network.

        Args:
            model: Which.
            threads: CPU threads to compute with.

        Raises:
            EcganError: It cannot run here; the message says why.
        """
        if self.device != "cpu":
            find_gpu()
        if self.opener is not None:
            module, _, function = self.opener.partition(":")
            opened: Backend = getattr(importlib.import_module(module), function)(model, threads)
            return opened
        backend = self.backend or ""
        precision, options = file_and_options(backend, self.precision)
        opened = BACKENDS[backend].open(
            model.file(precision), device=self.device, threads=threads, **options, **self.options
        )
        return opened


_TORCH = "ecgan.benchmarks.runtimes.torch_rows"
ROWS = (
    Row(REFERENCE, "torch eager", backend="torch", opener=f"{_TORCH}:open_eager"),
    Row("torch-compile", "torch channels_last + compile", opener=f"{_TORCH}:open_compiled"),
    Row("onnxruntime", "ONNX Runtime", backend="onnxruntime"),
    Row("onnxruntime-int8", "ONNX Runtime int8", "int8", backend="onnxruntime"),
    Row("openvino", "OpenVINO", backend="openvino"),
    Row("openvino-bf16", "OpenVINO bf16", "bf16", backend="openvino"),
    Row("openvino-int8", "OpenVINO int8", "int8", backend="openvino"),
    Row("torch-cuda", "torch eager", device="cuda:0", opener=f"{_TORCH}:open_cuda"),
    Row(
        "torch-cuda-graph",
        "torch FP16 + CUDA graph",
        "fp16",
        "cuda:0",
        opener=f"{_TORCH}:open_cuda_graph",
    ),
    Row("onnxruntime-cuda", "ONNX Runtime", device="cuda:0", backend="onnxruntime"),
    Row("tensorrt", "TensorRT", device="cuda:0", backend="tensorrt", options={"graphs": False}),
    Row("tensorrt-graph", "TensorRT + CUDA graph", device="cuda:0", backend="tensorrt"),
    Row(
        "tensorrt-fp16",
        "TensorRT FP16",
        "fp16",
        "cuda:0",
        backend="tensorrt",
        options={"graphs": False},
    ),
    Row("tensorrt-fp16-graph", "TensorRT FP16 + CUDA graph", "fp16", "cuda:0", backend="tensorrt"),
)


def rows_named(names: tuple[str, ...]) -> tuple[Row, ...]:
    """Rows by name in the table's order, the reference always among them; all for no names.

    Raises:
        OptionError: A name is unknown.
    """
    known = [row.name for row in ROWS]
    for name in names:
        if name not in known:
            raise OptionError(f"unknown row '{name}'; choose from {', '.join(known)}")
    return tuple(row for row in ROWS if not names or row.name in (*names, REFERENCE))
