"""TensorRT's own words turned into messages for a user: what is wrong, and what mends it.

Each row was met for real or is quoted from a public report; ``tests/engine/tensorrt`` provokes all
that can be provoked without a GPU.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import (
    BackendUnavailable,
    BuildFailed,
    EcganError,
    InputError,
    ModelMismatch,
    ModelMissing,
    OptionError,
    OutOfMemory,
)

_BUILD = "build the engine again: ecgan build-engine"
_EXPORT = "export the model again: ecgan export CHECKPOINT --output FOLDER"
_DRIVER = "ecgan doctor says what is missing; to build for GPUs elsewhere: --target portable"
_MEMORY = (
    "lower --batch, or --max-batch and --workspace of a build, or close what else uses the GPU"
)


@dataclass(frozen=True)
class Row:
    """One failure.

    Attributes:
        pattern: Regular expression that TensorRT's line matches.
        error: Class of our error.
        message: With {0} for the file or work that failed.
        hint: What mends it.
    """

    pattern: str
    error: type[EcganError]
    message: str
    hint: str | None = None


ROWS = (
    # --- the driver and the GPU
    Row(
        r"cudaError 35|CUDA initialization failure with error: 35|factory function returned nullptr",
        BackendUnavailable,
        "'{0}': no NVIDIA driver answers, or it is too old for this TensorRT",
        _DRIVER,
    ),
    Row(
        r"graph_jit\.cpp.*CHECK\(status == CUDA_SUCCESS\) failed",
        BackendUnavailable,
        "'{0}': an engine that can be refitted is built only where a GPU is",
        _DRIVER,
    ),
    Row(
        r"Error reading CUDA GPU properties",
        BackendUnavailable,
        "'{0}': the GPU's properties cannot be read",
        "install or update the NVIDIA driver",
    ),
    Row(
        r"check_turing_op_compatibility",
        OptionError,
        "'{0}' has fp32 matrix products, which TensorRT for RTX does not have on sm75",
        "leave sm75 out of --target, or take --precision fp16",
    ),
    Row(
        r"does not support this compute capability|cannot run on this GPU, which has compute",
        ModelMismatch,
        "'{0}': this TensorRT does not support the GPU here",
        "take another --flavour, or --backend onnxruntime",
    ),
    Row(
        r"generated on an incompatible device|expecting compute \d",
        ModelMismatch,
        "'{0}' is an engine for another GPU",
        _BUILD,
    ),
    Row(
        r"(?i)out of memory|OutOfMemory|cudaError 2\b|cudaErrorMemoryAllocation",
        OutOfMemory,
        "'{0}': the GPU's memory ran out",
        _MEMORY,
    ),
    # --- the engine file
    Row(
        r"Cannot deserialize with an empty memory buffer",
        ModelMismatch,
        "engine '{0}' is empty",
        _BUILD,
    ),
    Row(
        r"plan\.header\.size == blobSize",
        ModelMismatch,
        "engine '{0}' is cut off",
        _BUILD,
    ),
    Row(
        r"bufferSize >= minBufferSize",
        ModelMismatch,
        "'{0}' is too short for an engine",
        _BUILD,
    ),
    Row(
        r"Version tag does not match",
        ModelMismatch,
        "engine '{0}' was built with another version of TensorRT",
        _BUILD,
    ),
    Row(
        r"kEXPECTED_MAGIC_TAG|magicTag",
        ModelMismatch,
        "'{0}' is not an engine of this TensorRT",
        _BUILD,
    ),
    # --- the model file
    Row(
        r"Input file cannot be found",
        ModelMissing,
        "model file '{0}' is missing, or is not a file",
        "check the path",
    ),
    Row(
        r"MODEL_DESERIALIZE_FAILED",
        InputError,
        "'{0}' is not an ONNX file",
        "give a model file as ecgan export writes it",
    ),
    Row(
        r"first input has type UInt8|does not support UINT8 types for intermediate",
        InputError,
        "'{0}' uses uint8 inside its graph, which TensorRT takes only at its ends",
        _EXPORT,
    ),
    Row(
        r"operator: (?P<op>\w+) \(checkFallbackPluginImporter\)|Plugin not found",
        InputError,
        "'{0}' needs an operation that TensorRT does not have",
        "rewrite the network without it",
    ),
    Row(
        r"UNSUPPORTED_NODE",
        InputError,
        "'{0}' uses an operation in a way that TensorRT does not support",
        "rewrite the network without it",
    ),
    Row(
        r"Network must have at least one output",
        InputError,
        "'{0}' has no output, so there is nothing to build",
        _EXPORT,
    ),
    # --- the request
    Row(
        r"MIN<=OPT<=MAX",
        OptionError,
        "'{0}': the batches are not in order",
        "expected --min-batch <= --opt-batch <= --max-batch",
    ),
    Row(
        r"no optimization profile has been defined",
        BuildFailed,
        "'{0}' has sizes that are free, and no range was given for them",
        _EXPORT,
    ),
    Row(
        r"Compute capability cannot be kNONE",
        OptionError,
        "'{0}': a target is empty",
        "name targets, as in --target sm86,sm89",
    ),
    Row(
        r"Index of compute capability is not in a valid range",
        OptionError,
        "'{0}': more targets than were announced",
        "name each target once",
    ),
    Row(
        r"bad optional access",
        OptionError,
        "'{0}': fewer targets than were announced",
        "name targets, as in --target sm86,sm89",
    ),
    Row(
        r"setHardwareCompatibilityLevel\(\) is unsupported",
        OptionError,
        "'{0}': TensorRT for RTX takes named targets in place of a compatibility level",
        "take --target portable",
    ),
    Row(
        r"libnvinfer_lean",
        BackendUnavailable,
        "'{0}': engines that run under other versions need full TensorRT with its lean runtime",
        "take --flavour tensorrt",
    ),
    Row(
        r"RuntimePlatform::k\w+",
        OptionError,
        "'{0}': engines are built only for the operating system that builds them",
        "run ecgan build-engine on the machine that will use it",
    ),
    Row(
        r"BuildCanceled|Build canceled",
        BuildFailed,
        "'{0}': the build was stopped",
    ),
    Row(
        r"(?i)timing cache",
        BuildFailed,
        "'{0}': the timing cache does not fit this GPU and TensorRT",
        "delete the file given with --timing-cache",
    ),
)


def explain(lines: list[str], subject: object) -> EcganError:
    """The error for a failure.

    Args:
        lines: What TensorRT said, first line first.
        subject: The file, or what was tried.

    Returns:
        The row of the first line that has one, with the place in the graph where TensorRT names
        it; else a ``BuildFailed`` that carries the first line.
    """
    for line in lines:
        for row in ROWS:
            if re.search(row.pattern, line):
                message = row.message.format(subject) + _place(line)
                return row.error(message, hint=row.hint)
    said = _shorten(lines[0]) if lines else "nothing was said about why"
    return BuildFailed(
        f"'{subject}': TensorRT failed: {said}", hint="-v shows all that TensorRT says"
    )


def _place(line: str) -> str:
    """Where in the graph, from "In node 4 with name: a and operator: Cast (...)"."""
    found = re.search(r"In node (\d+) with name: (\S*) ?and operator: (\w+)", line)
    if not found:
        return ""
    number, name, operator = found.groups()
    return f" (node {number}{f' {name!r}' if name else ''}, {operator})"


def _shorten(line: str) -> str:
    """Without the places in NVIDIA's own source."""
    line = re.sub(r"\s*\bIn \w+ at \S+?:\d+", "", line)
    return re.sub(r"^\[\S+\]\s*", "", line).strip()
