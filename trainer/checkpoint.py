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
