"""A model file read into TensorRT's network: what goes in and out, and what it computes in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..contract import BATCH_MAX
from ..errors import InputError, ModelMissing, OptionError, system_reason
from .explain import explain
from .flavour import Flavour
from .log import listening, shared_log, without_echo
from .sidecar import Tensor
from .versions import network_flags

FP16 = "fp16"
FP32 = "fp32"

_DTYPES = {FP16: "float16", FP32: "float32"}
_COMPUTE = ("CONVOLUTION", "DECONVOLUTION", "MATRIX_MULTIPLY")
"""Kinds of layers that do nearly all of the arithmetic."""

_OUTSIDE = b"\n\x08location\x12"
"""How ONNX writes, before a file's name, that a weight lies in that file."""

_NUMBERS = {"FLOAT": "float32", "HALF": "float16", "BF16": "bfloat16", "BOOL": "bool"}


def read_model(onnx: Path) -> bytes:
    """The bytes of a model file.

    Raises:
        ModelMissing: There is no such file.
        InputError: It cannot be read, or is not all of the model.
    """
    try:
        content = onnx.read_bytes()
    except FileNotFoundError:
        raise ModelMissing(f"model file '{onnx}' is missing") from None
    except OSError as error:
        raise InputError(f"model file '{onnx}' cannot be read: {system_reason(error)}") from error
    if _OUTSIDE in content:  # no hash of ours would notice a change of those
        raise InputError(
            f"'{onnx}' keeps weights in other files; expected all in one",
            hint="give a model file as ecgan export writes it",
        )
    return content


@dataclass(frozen=True)
class ParsedModel:
    """A model in TensorRT's terms.

    Attributes:
        network: The ``INetworkDefinition``.
        parser: What made it; it owns the weights, so it has to live as long.
    """

    network: Any
    parser: Any


def parse_model(flavour: Flavour, builder: Any, content: bytes, onnx: Path) -> ParsedModel:
    """Read a model into TensorRT's network.

    Args:
        flavour: What builds.
        builder: Its ``Builder``.
        content: The model file; its weights must lie inside.
        onnx: Its path, for messages.

    Raises:
        InputError: TensorRT cannot read it, or cannot run what is in it.
    """
    network = builder.create_network(network_flags(flavour))
    parser = flavour.module.OnnxParser(network, shared_log(flavour))
    with listening() as said:
        if not parser.parse(content):
            raise explain(parse_errors(parser) + said.errors, onnx)
    return ParsedModel(network, parser)


def parse_errors(parser: Any) -> list[str]:
    """What an ``OnnxParser`` says against a model, which names the node; its log does not."""
    return [without_echo(str(parser.get_error(index))) for index in range(parser.num_errors)]


def inputs_of(network: Any) -> list[Tensor]:
    """Its inputs, in order."""
    return [_tensor(network.get_input(i)) for i in range(network.num_inputs)]


def outputs_of(network: Any) -> list[Tensor]:
    """Its outputs, in order."""
    return [_tensor(network.get_output(i)) for i in range(network.num_outputs)]


def _tensor(tensor: Any) -> Tensor:
    return Tensor(tensor.name, number_type(tensor.dtype), [int(size) for size in tensor.shape])


def number_type(dtype: Any) -> str:
    """NumPy's name of a TensorRT type: "float32", "uint8"."""
    return _NUMBERS.get(dtype.name, dtype.name.lower())


def check_inputs(onnx: Path, inputs: list[Tensor]) -> None:
    """Refuse a model whose batch is not free, or whose other sizes are.

    Raises:
        InputError: Which input, and its shape.
    """
    for tensor in inputs:
        if tensor.shape[:1] != [-1] or -1 in tensor.shape[1:]:
            shape = ", ".join("free" if size == -1 else str(size) for size in tensor.shape)
            raise InputError(
                f"input '{tensor.name}' of '{onnx}' is ({shape}); expected (free, fixed, ...): "
                "a free batch and no other free size",
                hint="give a segmenter or generator as ecgan export writes it",
            )


def check_batches(smallest: int, best: int, largest: int) -> None:
    """Refuse batches out of order, or larger than model files promise to take.

    Raises:
        OptionError: With the three values.
    """
    if not 1 <= smallest <= best <= largest <= BATCH_MAX:
        raise OptionError(
            f"batches '{smallest}', '{best}', '{largest}' do not fit together",
            hint=f"expected 1 <= --min-batch <= --opt-batch <= --max-batch <= {BATCH_MAX}",
        )


def layers_by_type(network: Any) -> dict[str, dict[str, int]]:
    """Kind of layer -> number type of its output -> how many."""
    counts: dict[str, dict[str, int]] = {}
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        kind = counts.setdefault(layer.type.name, {})
        number = number_type(layer.get_output(0).dtype)
        kind[number] = kind.get(number, 0) + 1
    return counts


def precision_of(layers: dict[str, dict[str, int]]) -> str:
    """What most convolutions and matrix products compute in: "fp16" or "fp32"."""
    counts = {precision: _computing(layers, precision) for precision in (FP16, FP32)}
    return FP16 if counts[FP16] > counts[FP32] else FP32


def check_precision(onnx: Path, layers: dict[str, dict[str, int]], wanted: str) -> None:
    """Refuse to call an engine what its graph is not: weights stored in half do not make it fp16.

    Raises:
        OptionError: The graph computes in the other precision.
    """
    found = precision_of(layers)
    if found == wanted:
        return
    total = sum(sum(layers.get(kind, {}).values()) for kind in _COMPUTE)
    raise OptionError(
        f"'{onnx}' computes {_computing(layers, found)} of {total} convolutions and matrix "
        f"products in {found}, so its engine cannot be called {wanted}",
        hint=f"take the model's {wanted} file, or leave --precision out",
    )


def _computing(layers: dict[str, dict[str, int]], precision: str) -> int:
    return sum(layers.get(kind, {}).get(_DTYPES[precision], 0) for kind in _COMPUTE)
