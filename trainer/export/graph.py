"""From a torch module to the bytes of an ONNX file: the same module always gives the same bytes."""

from __future__ import annotations

import copy
import logging
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from ecgan.engine.contract import BATCH_MAX

OPSET = 18
HALF_FROM = 256
"""Weights of at least so many values are stored as float16, where a file stores any so."""

EXAMPLES = 2
"""Batch that is traced: with 1 the exporter would take the batch for a constant."""


def build_model(
    module: nn.Module, feeds: Mapping[str, np.ndarray], outputs: Sequence[str], scratch: Path
) -> onnx.ModelProto:
    """Trace a module into a model with a free batch, names of its own and nothing but the graph.

    Args:
        module: In evaluation mode, called with the feeds in their order.
        feeds: Input name -> array with a batch of at least ``EXAMPLES``.
        outputs: Their names.
        scratch: File that may be written and is removed.
    """
    batch = torch.export.Dim("N", min=1, max=BATCH_MAX)
    inputs = tuple(torch.from_numpy(value[:EXAMPLES].copy()) for value in feeds.values())
    # the exporter warns of its own internals, and of a torchvision that we do not need
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                inputs,
                scratch,
                input_names=list(feeds),
                output_names=list(outputs),
                dynamic_shapes=tuple({0: batch} for _ in feeds),
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        model = onnx.load(scratch)
    finally:
        scratch.unlink(missing_ok=True)
    cast_first(model)
    make_canonical(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def cast_first(model: onnx.ModelProto) -> None:
    """Let every byte input meet its Cast before anything else: TensorRT takes no other node there."""
    graph = model.graph
    for value in graph.input:
        if value.type.tensor_type.elem_type != TensorProto.UINT8:
            continue
        users = [node for node in graph.node if value.name in node.input]
        cast = next(node for node in users if node.op_type == "Cast")
        for node in users:
            if node.op_type != "Cast":
                node.input[:] = [cast.output[0] if n == value.name else n for n in node.input]
        others = [node for node in graph.node if node is not cast]
        _set_nodes(graph, [cast, *others])


def _set_nodes(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def make_canonical(model: onnx.ModelProto) -> None:
    """Name values and nodes by their place, and drop what says where and how they were traced.

    The exporter's names count what it made before in the process, and its notes hold paths of the
    machine. Inputs and outputs keep their names.
    """
    graph = model.graph
    for noted in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        noted.ClearField("metadata_props")
        noted.ClearField("doc_string")
    graph.ClearField("value_info")
    graph.name = "ecgan"
    names = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    counts: Counter[str] = Counter()
    for node in graph.node:
        number = counts[node.op_type]
        counts[node.op_type] += 1
        node.name = f"{node.op_type}_{number}"
        for place, old in enumerate(node.input):
            names.setdefault(old, f"{node.name}.{place}")
        for place, old in enumerate(node.output):
            names.setdefault(old, f"{node.name}.out{place or ''}")
    for node in graph.node:
        node.input[:] = [names[old] for old in node.input]
        node.output[:] = [names[old] for old in node.output]
    used = [tensor for tensor in graph.initializer if tensor.name in names]
    for tensor in used:
        tensor.name = names[tensor.name]
    used = sorted(used, key=lambda tensor: tensor.name)
    del graph.initializer[:]
    graph.initializer.extend(used)


def store_half(model: onnx.ModelProto) -> None:
    """Store large float32 weights as float16 behind a Cast node; arithmetic stays float32."""
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < HALF_FROM:
            continue
        name, stored = tensor.name, f"{tensor.name}.half"
        values = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(values, stored))
        casts.append(
            helper.make_node("Cast", [stored], [name], f"{name}.cast", to=TensorProto.FLOAT)
        )
    _set_nodes(graph, [*casts, *graph.node])  # order only has to be topological


def save_model(model: onnx.ModelProto, path: Path) -> None:
    """Write the bytes: the same model always gives the same."""
    path.write_bytes(model.SerializeToString(deterministic=True))


def rounded_to_half(network: nn.Module) -> nn.Module:
    """A copy whose large weights are those that ``store_half`` leaves.

    Args:
        network: Computes in float32; left as it is.
    """
    rounded = copy.deepcopy(network)
    for tensor in (*rounded.parameters(), *rounded.buffers()):
        if tensor.is_floating_point() and tensor.numel() >= HALF_FROM:
            tensor.data = tensor.data.half().float()
    return rounded
