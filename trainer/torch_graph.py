"""A model file as a torch module: its graph node by node, with the weights it holds.

So torch runs the bytes that every other runtime runs, whatever network they came from. The module
is a ``torch.fx`` graph: it can be moved to a card, compiled, and captured.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, fx, nn

from ecgan.engine.backends.base import TensorSpec
from ecgan.engine.errors import ModelMismatch

_DTYPES: dict[int, torch.dtype] = {
    TensorProto.FLOAT: torch.float32,
    TensorProto.FLOAT16: torch.float16,
    TensorProto.BFLOAT16: torch.bfloat16,
    TensorProto.UINT8: torch.uint8,
    TensorProto.INT8: torch.int8,
    TensorProto.INT32: torch.int32,
    TensorProto.INT64: torch.int64,
    TensorProto.BOOL: torch.bool,
}


@dataclass(frozen=True)
class TorchModel:
    """A network that torch can run.

    Attributes:
        module: Takes the inputs in their order and returns a tuple of the outputs; for evaluation.
        inputs: Name -> spec, in the model's order.
        outputs: Name -> spec, in the model's order.
    """

    module: nn.Module
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]


def load_graph(path: Path) -> TorchModel:
    """Read a model file.

    Args:
        path: The file.

    Raises:
        ModelMismatch: It is no model, or holds a node that is not known here.
    """
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf and the checker raise many types for a broken file
        raise ModelMismatch(f"'{path}' is not an ONNX model") from error
    graph = model.graph
    return TorchModel(_Reader(graph, path).module(), _specs(graph.input), _specs(graph.output))


class _Reader:
    """Adds the nodes of one file to a ``torch.fx`` graph.

    Sizes (1-D and scalar int64) stay Python numbers and lists: a compiler sees through them.
    """

    def __init__(self, graph: onnx.GraphProto, path: Path) -> None:
        self._source, self._path = graph, path
        self._root, self._graph = nn.Module(), fx.Graph()
        self._arrays: dict[str, np.ndarray] = {}
        self._values: dict[str, Any] = {"": None}

    def module(self) -> fx.GraphModule:
        for tensor in self._source.initializer:
            self._arrays[tensor.name] = numpy_helper.to_array(tensor)
        for value in self._source.input:
            self._values[value.name] = self._graph.placeholder(value.name)
        for node in self._source.node:
            self._add(node)
        self._graph.output(tuple(self._value(value.name) for value in self._source.output))
        return fx.GraphModule(self._root, self._graph).eval()

    def _value(self, name: str) -> Any:
        """What a name stands for; a constant becomes a buffer when it is first used."""
        if name not in self._values:
            array = self._arrays[name]
            if array.dtype == np.int64 and array.ndim < 2:
                self._values[name] = array.tolist()
            else:
                buffer = f"constant_{len(self._values)}"
                self._root.register_buffer(buffer, torch.from_numpy(array.copy()))
                self._values[name] = self._graph.get_attr(buffer)
        return self._values[name]

    def _add(self, node: onnx.NodeProto) -> None:
        kind = node.op_type
        attributes = {a.name: _plain(helper.get_attribute_value(a)) for a in node.attribute}
        if kind == "Constant":
            self._arrays[node.output[0]] = numpy_helper.to_array(attributes["value"])
            return
        if kind == "Cast" and node.input[0] in self._arrays:
            # weights are stored as float16: cast them once, not in each run
            dtype = helper.tensor_dtype_to_np_dtype(attributes["to"])
            self._arrays[node.output[0]] = self._arrays[node.input[0]].astype(dtype)
            return
        if kind not in _CALLS:
            raise ModelMismatch(
                f"'{self._path}' holds the node '{kind}', which torch is not taught",
                hint="--backend onnxruntime runs it",
            )
        inputs = [self._value(name) for name in node.input]
        if kind == "Resize" and len(inputs) > 2 and inputs[2] is not None:
            inputs[2] = self._arrays[node.input[2]].tolist()
        if kind == "Split":
            attributes["num_outputs"] = len(node.output)
        result = self._graph.call_function(_CALLS[kind], tuple(inputs), attributes)
        if len(node.output) == 1:
            self._values[node.output[0]] = result
            return
        for index, name in enumerate(node.output):
            self._values[name] = self._graph.call_function(operator.getitem, (result, index))


def _specs(values: Iterable[onnx.ValueInfoProto]) -> dict[str, TensorSpec]:
    specs = {}
    for value in values:
        kind = value.type.tensor_type
        shape = tuple(
            side.dim_value if side.HasField("dim_value") else None for side in kind.shape.dim
        )
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type))
        specs[value.name] = TensorSpec(dtype, shape)
    return specs


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


# --- nodes with attributes -----------------------------------------------------------------------


def _cast(x: Tensor, *, to: int, **_: Any) -> Tensor:
    return x.to(_DTYPES[to])


def _transpose(x: Tensor, *, perm: list[int]) -> Tensor:
    return x.permute(perm)


def _shape(x: Tensor, *, start: int = 0, end: int | None = None) -> list[int]:
    return list(x.shape[start:end])


def _concat(*parts: Any, axis: int) -> Any:
    if isinstance(parts[0], list):
        return [size for part in parts for size in part]
    return torch.cat(parts, axis)


def _gather(x: Any, index: Any, *, axis: int = 0) -> Any:
    if isinstance(x, list):
        return x[index] if isinstance(index, int) else [x[i] for i in index]
    if isinstance(index, int):
        return x.select(axis, index)
    rows = torch.as_tensor(index, device=x.device)
    return x.index_select(axis, rows.flatten()).unflatten(axis, rows.shape)


def _unsqueeze(x: Any, axes: list[int]) -> Any:
    if isinstance(x, int):
        return [x]
    rank = x.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _squeeze(x: Any, axes: list[int]) -> Any:
    return x[0] if isinstance(x, list) else x.squeeze(tuple(axes))


def _reshape(x: Tensor, shape: list[int], *, allowzero: int = 0) -> Tensor:
    kept = shape if allowzero else [size or x.shape[i] for i, size in enumerate(shape)]
    return x.reshape(kept)


def _expand(x: Tensor, shape: list[int]) -> Tensor:
    return x.expand(torch.broadcast_shapes(x.shape, shape))


def _split(x: Tensor, sizes: list[int] | None = None, *, axis: int = 0, num_outputs: int) -> Any:
    return x.chunk(num_outputs, axis) if sizes is None else x.split(sizes, axis)


def _slice(
    x: Any,
    starts: list[int],
    ends: list[int],
    axes: list[int] | None = None,
    steps: list[int] | None = None,
) -> Any:
    if isinstance(x, list):
        return x[starts[0] : ends[0] : (steps or [1])[0]]
    axes = axes or list(range(len(starts)))
    window = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps or [1] * len(axes), strict=True):
        window[axis] = slice(start, end, step)
    return x[tuple(window)]


def _clip(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    return torch.clamp(x, low, high)


def _leaky_relu(x: Tensor, *, alpha: float = 0.01) -> Tensor:
    return F.leaky_relu(x, alpha)


def _gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Tensor:
    product = alpha * torch.matmul(a.t() if transA else a, b.t() if transB else b)
    return product if c is None else product + beta * c


def _symmetric(pads: list[int] | None) -> tuple[int, ...]:
    """ONNX's begins and ends as torch's one number a side; torch pads both sides alike."""
    pads = pads or [0, 0, 0, 0]
    half = len(pads) // 2
    if pads[:half] != pads[half:]:
        raise ModelMismatch(f"padding '{pads}' differs between the sides")
    return tuple(pads[:half])


def _conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    strides: list[int] | None = None,
    pads: list[int] | None = None,
    dilations: list[int] | None = None,
    group: int = 1,
    **_: Any,
) -> Tensor:
    return F.conv2d(
        x, weight, bias, strides or [1, 1], _symmetric(pads), dilations or [1, 1], group
    )


def _conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    strides: list[int] | None = None,
    pads: list[int] | None = None,
    output_padding: list[int] | None = None,
    dilations: list[int] | None = None,
    group: int = 1,
    **_: Any,
) -> Tensor:
    extra = output_padding or [0, 0]
    pads = pads or [0, 0, 0, 0]
    if pads[:2] != pads[2:]:  # some exporters shorten the end padding instead
        extra = [e + begin - end for e, begin, end in zip(extra, pads[:2], pads[2:], strict=True)]
    return F.conv_transpose2d(
        x, weight, bias, strides or [1, 1], tuple(pads[:2]), extra, group, dilations or [1, 1]
    )


def _average_pool(
    x: Tensor,
    *,
    kernel_shape: list[int],
    strides: list[int],
    pads: list[int] | None = None,
    **_: Any,
) -> Tensor:
    return F.avg_pool2d(x, kernel_shape, strides, _symmetric(pads))


def _max_pool(
    x: Tensor,
    *,
    kernel_shape: list[int],
    strides: list[int],
    pads: list[int] | None = None,
    **_: Any,
) -> Tensor:
    return F.max_pool2d(x, kernel_shape, strides, _symmetric(pads))


def _global_average_pool(x: Tensor) -> Tensor:
    return x.mean((2, 3), keepdim=True)


def _reduce_mean(
    x: Tensor, axes: list[int] | None = None, *, keepdims: int = 1, **_: Any
) -> Tensor:
    return x.mean(axes, keepdim=bool(keepdims))


def _instance_norm(x: Tensor, scale: Tensor, shift: Tensor, *, epsilon: float = 1e-5) -> Tensor:
    return F.instance_norm(x, weight=scale, bias=shift, eps=epsilon)


def _depth_to_space(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    if mode != "CRD":
        raise ModelMismatch(f"DepthToSpace of mode '{mode}' is not torch's pixel shuffle")
    return F.pixel_shuffle(x, blocksize)


def _resize(
    x: Tensor,
    _roi: Tensor | None = None,
    scales: list[float] | None = None,
    sizes: list[int] | None = None,
    *,
    mode: str = "nearest",
    coordinate_transformation_mode: str = "half_pixel",
    **_: Any,
) -> Tensor:
    if sizes is None:
        if scales is None:
            raise ModelMismatch("Resize without scales and sizes")
        sizes = [int(side * scale) for side, scale in zip(x.shape, scales, strict=True)]
    if mode == "nearest":
        return F.interpolate(x, sizes[2:], mode="nearest")
    corners = coordinate_transformation_mode == "align_corners"
    kind = {"linear": "bilinear", "cubic": "bicubic"}[mode]
    return F.interpolate(x, sizes[2:], mode=kind, align_corners=corners)


_CALLS: dict[str, Callable[..., Any]] = {
    "Abs": torch.abs,
    "Add": operator.add,
    "And": torch.logical_and,
    "AveragePool": _average_pool,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "DepthToSpace": _depth_to_space,
    "Div": operator.truediv,
    "Expand": _expand,
    "Floor": torch.floor,
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_average_pool,
    "Greater": torch.gt,
    "InstanceNormalization": _instance_norm,
    "LeakyRelu": _leaky_relu,
    "MatMul": torch.matmul,
    "MaxPool": _max_pool,
    "Mul": operator.mul,
    "ReduceMean": _reduce_mean,
    "Relu": torch.relu,
    "Reshape": _reshape,
    "Resize": _resize,
    "Round": torch.round,
    "Shape": _shape,
    "Sigmoid": torch.sigmoid,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Sub": operator.sub,
    "Tanh": torch.tanh,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
