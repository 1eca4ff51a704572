"""Eight-bit copies of a folder's networks, as far as nobody could see it.

Activations become uint8 and weights int8 per channel, in as many layers as keep ``PSNR_MIN``. Ranges
and layers are chosen on faces of the training split; what counts is then measured on the validation
split, and fewer layers are taken until it holds there.

python -m ecgan.trainer.quantize --model FOLDER --data DATA --output FOLDER
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from ecgan.engine.errors import DatasetError, EcganError, ParityError
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.media.output import atomic_file
from ecgan.engine.models import (
    GENERATOR,
    SEGMENTER,
    Manifest,
    ModelEntry,
    load_manifest,
    model_folder,
    verified_path,
)
from ecgan.engine.models.manifest import MANIFEST_NAME
from ecgan.engine.types import CROP_SIZE

from .data import load_data
from .data.samples import draw_sample
from .export.check import by_onnxruntime, compare
from .synth import wear_mask

_log = logging.getLogger(__name__)

PSNR_MIN = 45.0
"""Least agreement with the float32 file in dB: of painted pixels inside the mask, or of the mask."""

CHOICE_FACES = 16
"""Of the calibration's faces, on which layers are chosen: each choice is run on all of them."""

TRIES = 8
"""Choices of layers that are compared."""

MARGINS_DB = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0)
"""By how much more than ``PSNR_MIN`` is asked of the faces that layers are chosen on, one after the
other until the validation split agrees: a choice suits the faces that it was made on."""

KINDS = ("Conv", "ConvTranspose")
PERCENTILE = 99.99
"""Values beyond it are clipped: a single outlier would coarsen all others."""

Feeds = dict[str, np.ndarray]


@dataclass(frozen=True)
class Quantized:
    """One eight-bit file.

    Attributes:
        path: Where.
        psnr: Its agreement with the float32 file, in dB.
        layers: Layers in eight bits.
        of: Layers that could be.
        share: Share of the multiplications that is in eight bits.
    """

    path: Path
    psnr: float
    layers: int
    of: int
    share: float


def face_feeds(data: str, split: str, count: int) -> Feeds:
    """Aligned faces with drawn masks, as the networks meet them.

    Args:
        data: What ``load_data`` takes.
        split: "train" or "val".
        count: Faces, spread over the split.

    Returns:
        ``crop``, ``mask`` and ``expression`` of the contract, each expression and none in turn.

    Raises:
        DatasetError: The data is missing or broken, or the split is empty.
    """
    faces = load_data(data).select(split)
    if not len(faces):
        raise DatasetError(f"no face of the split '{split}' in '{data}'")
    crops, masks = [], []
    for row in np.unique(np.linspace(0, len(faces) - 1, count).astype(int)):
        rng = np.random.default_rng([0, row])
        sample = draw_sample(faces, int(row), rng, CROP_SIZE, jitter=0)
        worn = wear_mask(sample.image, sample.landmarks, rng)
        crops.append(worn.image)
        masks.append(np.rint(np.clip(worn.mask, 0, 1) * 255).astype(np.uint8))
    order = np.arange(len(crops)) % (len(EXPRESSIONS) + 1)
    weights = np.vstack([np.eye(len(EXPRESSIONS)), np.zeros((1, len(EXPRESSIONS)))])
    return {
        "crop": np.stack(crops),
        "mask": np.stack(masks),
        "expression": weights.astype(np.float32)[order],
    }


def quantize_file(source: Path, target: Path, calibration: Feeds, validation: Feeds) -> Quantized:
    """Write the eight-bit copy of one model file.

    Args:
        source: Float32 file.
        target: Written whole or not at all.
        calibration: Inputs from which the ranges are taken and on which layers are chosen.
        validation: Other inputs, on which the two files are compared at the end.

    Raises:
        ParityError: No layer can be in eight bits.
    """
    with tempfile.TemporaryDirectory(prefix="ecgan-int8-") as folder:
        maker = _Maker(source, Path(folder), calibration)

        few = {name: array[:CHOICE_FACES] for name, array in calibration.items()}
        error, judge = _error_on(few, source, maker), _error_on(validation, source, maker)
        alone = {}
        for layer in maker.cost:
            alone[layer] = error([layer])
            _log.info("%s: alone it costs a mean square error of %.4f", layer, alone[layer])
        for margin in MARGINS_DB:
            chosen = choose(maker.cost, alone, error, _mean_square(PSNR_MIN + margin))
            found = judge(chosen) if chosen else 0.0
            if found <= _mean_square(PSNR_MIN):
                break
            _log.info("on other faces it is %.2f dB: fewer layers", _decibel(found))
        else:
            chosen = []
        if not chosen:
            raise ParityError(
                f"no layer of '{source.name}' can be in eight bits at {PSNR_MIN:.0f} dB"
            )
        with atomic_file(target) as part:
            shutil.copyfile(maker.write(chosen), part)
    share = sum(maker.cost[layer] for layer in chosen) / sum(maker.cost.values())
    return Quantized(target, _decibel(found), len(chosen), len(maker.cost), share)


def _error_on(feeds: Feeds, source: Path, maker: _Maker) -> Callable[[Sequence[str]], float]:
    """Mean square error on these inputs, of layers in eight bits."""
    wanted = by_onnxruntime(source, feeds)

    def error(layers: Sequence[str]) -> float:
        found = compare(by_onnxruntime(maker.write(layers), feeds), wanted, feeds)
        return _mean_square(found.psnr)

    return error


def choose(
    cost: Mapping[str, float],
    alone: Mapping[str, float],
    error: Callable[[Sequence[str]], float],
    limit: float,
) -> list[str]:
    """The layers to put into eight bits: most work for their error, within a limit together.

    Args:
        cost: Layer -> its work.
        alone: Layer -> mean square error where it alone is in eight bits.
        error: Mean square error of several together; errors only roughly add up, so it is asked.
        limit: Largest that may be.

    Returns:
        The best choice that was found to keep the limit; empty where there is none.
    """
    order = sorted(cost, key=lambda layer: alone[layer] / cost[layer])
    best: list[str] = []
    tried: set[frozenset[str]] = set()
    budget = limit
    for _ in range(TRIES):
        chosen, spent = [], 0.0
        for layer in order:
            if spent + alone[layer] <= budget:
                chosen.append(layer)
                spent += alone[layer]
        if not chosen or frozenset(chosen) in tried:
            break
        tried.add(frozenset(chosen))
        found = error(chosen)
        _log.info("%d of %d layers: %.2f dB", len(chosen), len(order), _decibel(found))
        if found <= limit and sum(map(cost.__getitem__, chosen)) > sum(map(cost.__getitem__, best)):
            best = chosen
        budget *= (limit / found) ** 0.9  # a little less than would be right if errors added up
    return best


class _Maker:
    """Calibrates a network once and then writes it with any of its layers in eight bits."""

    def __init__(self, source: Path, folder: Path, calibration: Feeds) -> None:
        from onnxruntime.quantization import CalibrationMethod
        from onnxruntime.quantization.calibrate import create_calibrator
        from onnxruntime.quantization.shape_inference import quant_pre_process

        self._folder = folder
        plain = folder / "plain.onnx"
        quant_pre_process(str(source), str(plain), skip_symbolic_shape=True)
        self._model = onnx.shape_inference.infer_shapes(onnx.load(plain))
        self.cost = _multiplications(self._model)
        calibrator = create_calibrator(
            plain,
            list(KINDS),
            augmented_model_path=str(folder / "augmented.onnx"),
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"percentile": PERCENTILE},
        )
        names = {value.name for value in self._model.graph.input}
        calibrator.collect_data(_Rows({n: a for n, a in calibration.items() if n in names}))
        self._ranges = calibrator.compute_data()

    def write(self, layers: Sequence[str]) -> Path:
        """A file with these layers in eight bits."""
        from onnxruntime.quantization import QuantType
        from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

        copied = onnx.ModelProto()
        copied.CopyFrom(self._model)
        quantizer = QDQQuantizer(
            copied,
            per_channel=True,
            reduce_range=False,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=self._ranges,
            nodes_to_quantize=list(layers),
            nodes_to_exclude=[],
            op_types_to_quantize=list(KINDS),
            extra_options={},
        )
        quantizer.quantize_model()
        path = self._folder / "quantized.onnx"
        quantizer.model.save_model_to_file(str(path), False)
        return path


class _Rows:
    """Feeds a row at a time, as ONNX Runtime's calibration takes them."""

    def __init__(self, feeds: Feeds) -> None:
        count = len(next(iter(feeds.values())))
        self._rows = iter([{n: a[i : i + 1] for n, a in feeds.items()} for i in range(count)])

    def get_next(self) -> Feeds | None:
        return next(self._rows, None)


def _multiplications(model: onnx.ModelProto) -> dict[str, float]:
    """Layer -> multiplications of one face, of those that can be in eight bits."""
    shapes = {
        value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in model.graph.value_info
    }
    weights = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    found = {}
    for node in model.graph.node:
        if node.op_type in KINDS and node.input[1] in weights:
            # a transposed convolution multiplies at each input pixel, a plain one at each output
            pixels = node.input[0] if node.op_type == "ConvTranspose" else node.output[0]
            side = shapes.get(pixels, [1, 1, 1, 1])[2:]
            found[node.name] = float(np.prod(weights[node.input[1]]) * np.prod(side))
    return found


def _mean_square(decibel: float) -> float:
    return float(255**2 / 10 ** (decibel / 10))


def _decibel(mean_square: float) -> float:
    return float(10 * np.log10(255**2 / mean_square))


def quantize_folder(
    source: Path, target: Path, data: str, *, calibrate: int = 48, check: int = 64
) -> list[Quantized]:
    """Copy a model folder and give its networks files for ``--precision int8``.

    Args:
        source: Folder with a manifest.
        target: Folder to make, or to write into; may be the same.
        data: Faces, as ``load_data`` takes them.
        calibrate: Faces of the training split to calibrate on.
        check: Faces of the validation split to compare on.

    Returns:
        One file a network.

    Raises:
        ModelMissing: A network is missing.
        DatasetError: The data cannot be used.
        ParityError: A network cannot be in eight bits at all.
    """
    manifest = load_manifest(source)
    feeds = [face_feeds(data, split, n) for split, n in (("train", calibrate), ("val", check))]
    target.mkdir(parents=True, exist_ok=True)
    made, rows = [], []
    for entry in manifest.models:
        for precision in ("fp32", *(p for p in entry.precisions if p != "int8")):
            path = verified_path(source, entry, precision)
            if target != source:
                shutil.copyfile(path, target / path.name)
        if entry.kind not in (SEGMENTER, GENERATOR):
            rows.append(entry)
            continue
        names = ["crop"] if entry.kind == SEGMENTER else list(feeds[0])
        given = [{name: part[name] for name in names} for part in feeds]
        path = target / entry.file.replace(".onnx", ".int8.onnx")
        made.append(quantize_file(verified_path(source, entry), path, *given))
        rows.append(_with_int8(entry, made[-1]))
    with atomic_file(target / MANIFEST_NAME) as part:
        part.write_text(Manifest(rows).to_json(), encoding="utf-8")
    return made


def _with_int8(entry: ModelEntry, made: Quantized) -> ModelEntry:
    digest = hashlib.sha256(made.path.read_bytes()).hexdigest()
    return dataclasses.replace(
        entry,
        precisions={**entry.precisions, "int8": made.path.name},
        precision_sha256={**entry.precision_sha256, "int8": digest},
        figures={**entry.figures, "int8_psnr": round(made.psnr, 2)},
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Quantize a folder and say what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m ecgan.trainer.quantize",
        description="Eight-bit copies of a folder's networks.",
    )
    parser.add_argument("--model", type=Path, default=model_folder(), help="model folder")
    parser.add_argument("--data", required=True, help="faces, as ecgan prepare writes them")
    parser.add_argument("--output", type=Path, required=True, help="model folder to write")
    asked = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        made = quantize_folder(asked.model, asked.output, asked.data)
    except EcganError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    for one in made:
        sys.stdout.write(
            f"{one.path.name}: {one.psnr:.1f} dB from float32, {one.layers} of {one.of} layers "
            f"and {100 * one.share:.0f} % of the multiplications in eight bits\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
