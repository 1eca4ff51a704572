"""Write and read the state of a run: tensors and numbers only, atomically."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from ecgan.engine.errors import ModelMismatch, ModelMissing, OutputError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a state so that the file at ``path`` is always whole.

    Args:
        path: Target; its folder is made where it is missing.
        state: Nested dictionaries of tensors, numbers and text.

    Raises:
        OutputError: The folder is not writable, or the disk is full; the old file stays.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as handle:
            torch.save(state, handle)
            handle.flush()
            os.fsync(handle.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"checkpoint '{path}' cannot be written: {error}") from error


KEPT = ("ema", "whole", "lower", "config", "seen")
"""What a run that starts from a checkpoint looks at."""


def small_checkpoint(state: dict[str, Any]) -> dict[str, Any]:
    """What of a state ``--start`` needs, in half precision: a seventh of the size.

    Optimisers, random state and the network before averaging are left out, so a run goes on from it
    but does not repeat what the first run would have done.
    """
    return {key: _halved(state[key]) for key in KEPT if key in state}


def _halved(value: Any) -> Any:
    # biases and the statistics of batch norm are few, and variances can be too small for half
    if isinstance(value, torch.Tensor) and value.is_floating_point() and value.ndim > 1:
        return value.half()
    if isinstance(value, dict):
        return {key: _halved(part) for key, part in value.items()}
    return value


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a state without running any code that a file may carry.

    Raises:
        ModelMissing: There is no such file.
        ModelMismatch: It is not a checkpoint.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelMissing(f"checkpoint '{path}' does not exist") from None
    except Exception as error:  # torch raises many types for a broken file
        raise ModelMismatch(
            f"'{path}' is not a checkpoint", hint="it was not written by ecgan train, or is damaged"
        ) from error
