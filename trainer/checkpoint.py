"""Write and read the state of a run: tensors, numbers and text only, atomically.

A checkpoint is one safetensors file. Tensors have names such as `ema/trunk.stem.weight`; whatever is
no tensor is a JSON document in the file's header. Files that torch wrote (those of the first versions
of this project, of the paper's code, and plain state dictionaries) are read too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from ecgan.engine.errors import ModelMismatch, ModelMissing, OutputError
from ecgan.engine.media.output import atomic_file

SUFFIX = ".safetensors"
DOCUMENT = "ecgan"
"""Key of the JSON document in the header."""
TENSOR = "tensor:"
"""Begins the text that stands for a tensor in the document."""
TORCH_MAGIC = b"PK"
"""First bytes of the archives that torch writes."""

KEPT = ("network", "ema", "whole", "lower", "mask", "config", "seen")
"""What a run that starts from a checkpoint looks at."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a state so that the file at ``path`` is always whole.

    Args:
        path: Target; its folder is made where it is missing.
        state: Nested dictionaries with text as keys, and lists, of tensors, numbers and text.

    Raises:
        OutputError: The folder is not writable, or the disk is full; the old file stays.
    """
    tensors: dict[str, torch.Tensor] = {}
    document = json.dumps(_packed(state, "", tensors))
    try:
        with atomic_file(path) as part:
            safetensors.torch.save_file(tensors, part, {DOCUMENT: document})
    except (OutputError, SafetensorError) as error:
        raise OutputError(
            f"checkpoint '{path}' cannot be written: {error.__cause__ or error}",
            hint="free some disk space; what was written before is still there",
        ) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a state without running any code that a file may carry.

    Args:
        path: A checkpoint, or the folder of a run, which stands for its newest one.

    Raises:
        ModelMissing: There is no such file.
        ModelMismatch: It is not a checkpoint.
    """
    path = find_checkpoint(path)
    try:
        with path.open("rb") as handle:
            magic = handle.read(len(TORCH_MAGIC))
        if magic != TORCH_MAGIC:
            return _read_safetensors(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelMissing(f"checkpoint '{path}' does not exist") from None
    except Exception as error:  # torch raises many types for a broken file
        raise ModelMismatch(
            f"'{path}' is not a checkpoint", hint="it was not written by ecgan train, or is damaged"
        ) from error


def find_checkpoint(path: Path) -> Path:
    """A checkpoint as it is; of a run's folder its newest.

    Raises:
        ModelMissing: The folder holds none.
    """
    if not path.is_dir():
        return path
    found = numbered(path / "checkpoints") or [path / "checkpoints" / "last.pt"]
    if not found[-1].exists():
        raise ModelMissing(f"'{path}' has no checkpoint", hint="name a folder of ecgan train")
    return found[-1]


def numbered(folder: Path) -> list[Path]:
    """The checkpoints of a folder that are named by their samples, oldest first."""
    return sorted(p for p in folder.glob(f"*{SUFFIX}") if p.stem.isdigit())


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


def _packed(value: Any, name: str, tensors: dict[str, torch.Tensor]) -> Any:
    """The value with every tensor moved to ``tensors`` and its name left in its place."""
    if isinstance(value, torch.Tensor):
        tensors[name] = value.detach().cpu().contiguous()
        return f"{TENSOR}{name}"
    if isinstance(value, dict):
        return {
            str(k): _packed(v, f"{name}/{k}" if name else str(k), tensors) for k, v in value.items()
        }
    if isinstance(value, list | tuple):
        return [_packed(v, f"{name}/{i}", tensors) for i, v in enumerate(value)]
    return value


def _unpacked(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, str) and value.startswith(TENSOR):
        return tensors[value.removeprefix(TENSOR)]
    if isinstance(value, dict):
        return {key: _unpacked(part, tensors) for key, part in value.items()}
    if isinstance(value, list):
        return [_unpacked(part, tensors) for part in value]
    return value


def _read_safetensors(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as archive:
        header = archive.metadata() or {}
        tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118
    if DOCUMENT not in header:  # a plain state dictionary
        return tensors
    found: dict[str, Any] = _unpacked(json.loads(header[DOCUMENT]), tensors)
    return found
