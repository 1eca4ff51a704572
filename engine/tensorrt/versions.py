"""All that differs between TensorRT 10, TensorRT 11 and TensorRT for RTX when building.

Precision differs too, and is avoided: TensorRT 11 and RTX take it from the model's graph alone, so
networks are strongly typed everywhere and no precision flag is ever set.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import BackendUnavailable, OptionError
from ..media.output import write_atomic
from .driver import Gpu
from .flavour import RTX, Flavour
from .sidecar import AMPERE_PLUS

CURRENT = "current"
PORTABLE = "portable"

_TURING = "sm75"

_log = logging.getLogger(__name__)


def network_flags(flavour: Flavour) -> int:
    """Flags of a strongly typed network: needed by TensorRT 10, the only kind in the others."""
    return 1 << int(flavour.module.NetworkDefinitionCreationFlag.STRONGLY_TYPED)


def known_targets(flavour: Flavour) -> list[str]:
    """GPU generations that can be named, "sm86"; empty for full TensorRT, which builds here."""
    if flavour.name != RTX:
        return []
    members = flavour.module.ComputeCapability.__members__
    return [name.lower() for name in members if name.startswith("SM")]


def choose_targets(flavour: Flavour, target: str | None, gpu: Gpu | None) -> list[str]:
    """Turn what the user asked for into the targets that a sidecar names.

    Args:
        flavour: What builds.
        target: "current", "portable" or names such as "sm86,sm89"; None for "current" where a GPU
            answers and "portable" elsewhere.
        gpu: The GPU that answers.

    Raises:
        OptionError: The flavour cannot build for these.
        BackendUnavailable: "current" without a GPU.
    """
    if target is None:
        target = PORTABLE if gpu is None else CURRENT
    if target == CURRENT:
        if gpu is None:
            raise BackendUnavailable(
                "target 'current' needs a GPU, and none answers",
                hint="name what to build for, as in --target sm86,sm89, or take --target portable",
            )
        return [gpu.target]
    known = known_targets(flavour)
    if target == PORTABLE:
        return known or [AMPERE_PLUS]
    names = [name.strip().lower().replace("_", "") for name in target.split(",")]
    if not known and names != [gpu.target if gpu else ""]:
        raise OptionError(
            f"full TensorRT builds for the GPU it runs on, not for '{target}'",
            hint="take --target current or portable, or --flavour rtx",
        )
    for name in names if known else []:
        if name not in known:
            raise OptionError(
                f"unknown target '{name}'; choose from {', '.join([*known, PORTABLE, CURRENT])}"
            )
    return sorted(set(names), key=names.index)


def without_turing(
    flavour: Flavour, targets: list[str], layers: Mapping[str, Mapping[str, int]], onnx: Path
) -> list[str]:
    """Portable targets less Turing where the model has fp32 matrix products: RTX lacks those there.

    Args:
        flavour: What builds.
        targets: All that the flavour knows.
        layers: Kind of layer -> number type -> count.
        onnx: The model file, for the message.
    """
    if flavour.name != RTX or not layers.get("MATRIX_MULTIPLY", {}).get("float32"):
        return targets
    _log.warning(
        "'%s' is not built for %s: TensorRT for RTX has no fp32 matrix products there",
        onnx.name,
        _TURING,
    )
    return [target for target in targets if target != _TURING]


def set_targets(flavour: Flavour, config: Any, targets: list[str]) -> None:
    """Tell the builder which GPUs the engine is for."""
    if flavour.name != RTX:
        if AMPERE_PLUS in targets:
            config.hardware_compatibility_level = (
                flavour.module.HardwareCompatibilityLevel.AMPERE_PLUS
            )
        return
    members = flavour.module.ComputeCapability.__members__
    config.num_compute_capabilities = len(targets)
    for index, name in enumerate(targets):
        # a GPU newer than the list is left for TensorRT to judge
        config.set_compute_capability(members.get(name.upper(), members["CURRENT"]), index)


def load_timing_cache(flavour: Flavour, config: Any, path: Path | None) -> None:
    """Let a build begin with the timings of earlier ones.

    Timings of another GPU or version are ignored: they only cost the time that they would save.

    Raises:
        OptionError: TensorRT for RTX has none.
    """
    if path is None:
        return
    if flavour.name == RTX:
        raise OptionError(
            f"timing cache '{path}' is of no use: TensorRT for RTX times nothing when building",
            hint="leave --timing-cache out, or take --flavour tensorrt",
        )
    content = path.read_bytes() if path.is_file() else b""
    cache = config.create_timing_cache(content)
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        _log.warning("timing cache '%s' is not of this GPU and TensorRT: begun anew", path)
        config.set_timing_cache(config.create_timing_cache(b""), ignore_mismatch=False)


def save_timing_cache(config: Any, path: Path | None) -> None:
    """Keep the timings for later builds.

    Raises:
        OutputError: The file cannot be written.
    """
    if path is not None:
        write_atomic(path, bytes(config.get_timing_cache().serialize()))
