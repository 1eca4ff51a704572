"""From a trained network to the ONNX file that the engine runs, checked against torch.

Pre- and post-processing go inside the graph (``ecgan.engine.contract``), batch norm is folded,
and large weights are stored as float16 behind a Cast: half the file, float32 arithmetic.
"""

from __future__ import annotations

import copy
import hashlib
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.contract import BATCH_MAX
from ecgan.engine.errors import ParityError
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import U8

from .networks.fast import FastGenerator
from .networks.segmenter import Segmenter

OPSET = 18
HALF_FROM = 256
"""Weights of at least so many values are stored as float16."""

MAX_LEVELS = 2.0
"""Largest difference that is accepted between torch and the exported file, of 255."""


class GeneratorContract(nn.Module):
    """crop uint8 (N, 256, 256, 3), mask uint8 (N, 256, 256), expression (N, 7) -> crop uint8."""

    def __init__(self, network: FastGenerator) -> None:
        super().__init__()
        self.network = network

    def forward(self, crop: Tensor, mask: Tensor, expression: Tensor) -> Tensor:
        levels = crop.to(torch.float32).permute(0, 3, 1, 2)
        hole = mask.to(torch.float32)[:, None] / 255
        painted, _ = self.network(levels / 127.5 - 1, hole, expression)
        painted = (painted + 1) * 127.5
        # in levels, not in [-1, 1]: where the mask is 0 the input comes back bit for bit
        mixed = levels * (1 - hole) + painted.clamp(0, 255) * hole
        # the cast comes last: TensorRT refuses uint8 anywhere but at the ends of a graph
        return (mixed + 0.5).floor().permute(0, 2, 3, 1).to(torch.uint8)


class SegmenterContract(nn.Module):
    """crop uint8 (N, 256, 256, 3) -> mask uint8 (N, 256, 256)."""

    def __init__(self, network: Segmenter) -> None:
        super().__init__()
        self.network = network

    def forward(self, crop: Tensor) -> Tensor:
        picture = crop.to(torch.float32).permute(0, 3, 1, 2) / 127.5 - 1
        probability = torch.sigmoid(self.network(picture))[:, 0]
        return (probability * 255 + 0.5).floor().to(torch.uint8)


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The file.
        sha256: Of its bytes.
        worst: Largest difference to torch over the checked crops, of 255.
        mean: Mean difference, of 255.
    """

    path: Path
    sha256: str
    worst: float
    mean: float


def export_onnx(network: FastGenerator | Segmenter, path: Path, crops: U8) -> Exported:
    """Write and check a model file.

    Args:
        network: In evaluation mode, float32.
        path: Target.
        crops: (N, 256, 256, 3) uint8 aligned faces to check on.

    Raises:
        ParityError: ONNX Runtime and torch differ by more than ``MAX_LEVELS`` at some sample.
    """
    folded = fold_batch_norm(network)
    if isinstance(folded, FastGenerator):
        module: nn.Module = GeneratorContract(folded)
    else:
        module = SegmenterContract(folded)
    feeds = _feeds(isinstance(folded, FastGenerator), crops)
    part = path.with_name(f".{path.name}.part")
    _write_graph(module.eval(), feeds, part)
    model = onnx.load(part)
    onnx.checker.check_model(model, full_check=True)
    store_half(model)
    onnx.save(model, part)
    worst, mean = _difference(module, feeds, part)
    if worst > MAX_LEVELS:
        part.unlink()
        raise ParityError(
            f"the exported file differs from torch by {worst:.0f} of 255, {MAX_LEVELS:.0f} allowed"
        )
    part.replace(path)
    return Exported(path, hashlib.sha256(path.read_bytes()).hexdigest(), worst, mean)


def fold_batch_norm(network: FastGenerator | Segmenter) -> FastGenerator | Segmenter:
    """A copy whose batch norms are part of the convolutions before them (`convN`, `normN`)."""
    folded = copy.deepcopy(network).eval()
    for module in list(folded.modules()):
        names = dict(module.named_children())
        for name, child in names.items():
            before = name.replace("norm", "conv") if name.startswith("norm") else None
            if isinstance(module, nn.Sequential) and isinstance(child, nn.BatchNorm2d):
                before = str(int(name) - 1)
            if before is None or not isinstance(child, nn.BatchNorm2d):
                continue
            conv = names[before]
            transposed = isinstance(conv, nn.ConvTranspose2d)
            fused = fuse_conv_bn_eval(conv, child, transpose=transposed)  # type: ignore[type-var]
            module._modules[before], module._modules[name] = fused, nn.Identity()
    return folded


def store_half(model: onnx.ModelProto) -> None:
    """Store large float32 weights as float16 behind a Cast node; arithmetic stays float32."""
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < HALF_FROM:
            continue
        name = tensor.name
        half = numpy_helper.from_array(values.astype(np.float16), name + "_half")
        tensor.CopyFrom(half)
        casts.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
    # the first node on a uint8 input must stay a Cast of it; order only has to be topological
    for node in reversed(casts):
        graph.node.insert(0, node)


def _feeds(generator: bool, crops: U8) -> dict[str, np.ndarray]:
    feeds: dict[str, np.ndarray] = {"crop": crops}
    if generator:
        mask = np.zeros(crops.shape[:3], np.uint8)
        mask[:, 140:240, 70:190] = 255
        mask[:, 136:140, 70:190] = 128
        feeds["mask"] = mask
        rows = np.arange(len(crops)) % (len(EXPRESSIONS) + 1)
        feeds["expression"] = np.vstack([np.eye(7), np.zeros((1, 7))]).astype(np.float32)[rows]
    return feeds


def _write_graph(module: nn.Module, feeds: dict[str, np.ndarray], path: Path) -> None:
    batch = torch.export.Dim("N", min=1, max=BATCH_MAX)
    inputs = tuple(torch.from_numpy(value[:2].copy()) for value in feeds.values())
    output = "painted" if len(feeds) > 1 else "mask"
    # the exporter warns of its own internals, and of a torchvision that we do not need
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            inputs,
            path,
            input_names=list(feeds),
            output_names=[output],
            dynamic_shapes=tuple({0: batch} for _ in feeds),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def _difference(module: nn.Module, feeds: dict[str, np.ndarray], path: Path) -> tuple[float, float]:
    backend = OrtBackend.open(path, device="cpu")
    try:
        gaps = []
        for row in range(len(feeds["crop"])):
            one = {name: value[row : row + 1] for name, value in feeds.items()}
            found = next(iter(backend.run(one).values()))
            with torch.no_grad():
                wanted = module(*(torch.from_numpy(v) for v in one.values())).numpy()
            gaps.append(np.abs(found.astype(np.int16) - wanted.astype(np.int16)))
    finally:
        backend.close()
    stacked = np.concatenate(gaps)
    return float(stacked.max()), float(stacked.mean())
