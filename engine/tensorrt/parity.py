"""Whether an engine computes what its model file does: held against ONNX Runtime before it is kept.

The CPU runs float16 files in float32 behind casts, so for these the gate also covers what
half-precision arithmetic on the GPU costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..backends.ort import OrtBackend
from ..errors import ParityError
from .network import FP16, FP32
from .sidecar import Sidecar, Tensor

Array = npt.NDArray[Any]
Run = Callable[[Mapping[str, Array]], Mapping[str, Array]]
"""Computes an engine's outputs."""

MIN_PSNR = {FP32: 50.0, FP16: 45.0}
"""Least agreement in dB over all that is painted; 50 dB is a difference of 0.8 of 255 on average."""

_COARSE = 12
"""Side in pixels of the random pictures before they are enlarged to smooth ones."""


def check_parity(onnx: Path, sidecar: Sidecar, run: Run) -> dict[str, float]:
    """Hold an engine against the model it was built from, at its smallest and its best batch.

    Args:
        onnx: The model file.
        sidecar: What was built.
        run: Runs the engine.

    Returns:
        "psnr" in dB, "worst" and "mean" difference of 255.

    Raises:
        ParityError: They agree by less than ``MIN_PSNR``.
    """
    reference = OrtBackend.open(onnx, device="cpu")
    try:
        gaps = []
        for batch in sorted({sidecar.min_batch, sidecar.opt_batch}):
            feeds = example_feeds(sidecar.inputs, batch)
            wanted, found = reference.run(feeds), run(feeds)
            for output in sidecar.outputs:
                one, other = wanted[output.name], found[output.name]
                gaps.append(np.abs(one.astype(np.float64) - other.astype(np.float64)).ravel())
    finally:
        reference.close()
    parity = _summary(np.concatenate(gaps))
    least = MIN_PSNR[sidecar.precision]
    if not parity["psnr"] >= least:
        raise ParityError(
            f"the engine of '{onnx}' differs from the model: {parity['psnr']:.1f} dB, "
            f"worst {parity['worst']:.0f} of 255; expected {least:.0f} dB or more",
            hint="take --precision fp32, or another --flavour",
        )
    return parity


def example_feeds(inputs: list[Tensor], batch: int) -> dict[str, Array]:
    """The same inputs each time: smooth pictures, masks that are all to be painted, one-hot rows.

    Args:
        inputs: What the model takes; pictures and masks are uint8, weights are floats.
        batch: How many.
    """
    feeds: dict[str, Array] = {}
    for tensor in inputs:
        if tensor.dtype != "uint8":
            rows = np.arange(batch) % tensor.shape[-1]
            feeds[tensor.name] = np.eye(tensor.shape[-1], dtype=tensor.dtype)[rows]
        elif len(tensor.shape) == 4:
            _, height, width, _ = tensor.shape
            feeds[tensor.name] = _smooth_pictures(batch, height, width)
        else:
            feeds[tensor.name] = np.full((batch, *tensor.shape[1:]), 255, np.uint8)
    return feeds


def _smooth_pictures(count: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    import cv2

    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 255, (count, _COARSE, _COARSE, 3)).astype(np.float32)
    size = (width, height)
    smooth = [cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC) for picture in coarse]
    return np.clip(np.rint(smooth), 0, 255).astype(np.uint8)


def _summary(gaps: npt.NDArray[np.float64]) -> dict[str, float]:
    """Of the differences of all values, as levels of 255; one that is not finite is no agreement."""
    error = float(np.mean(gaps**2))
    psnr = 99.0 if error == 0 else 10 * float(np.log10(255**2 / error))
    return {
        "psnr": round(psnr, 2),
        "worst": float(gaps.max()),
        "mean": round(float(gaps.mean()), 5),
    }
