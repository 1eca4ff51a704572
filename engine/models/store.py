"""Find model files and verify them before anything runs them. Nothing is ever downloaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..errors import ModelMismatch, ModelMissing, OptionError
from .manifest import ModelEntry

_EXPORT = "ecgan export CHECKPOINT"
_MAKERS = {"int8": "python -m ecgan.trainer.quantize --data FACES"}

DETECTOR = "detector"
SEGMENTER = "segmenter"
GENERATOR = "generator"
CLASSIFIER = "classifier"
"""Reads expressions, for ecgan evaluate; nothing else needs it."""


def model_folder() -> Path:
    """The folder of the networks that ship with the package."""
    return Path(__file__).resolve().parent


def verified_path(folder: Path, entry: ModelEntry, precision: str = "fp32") -> Path:
    """Path of a model's file after checking its SHA-256.

    Args:
        folder: Where the manifest lies.
        entry: The model's row of the manifest.
        precision: "fp32", or one of ``entry.precisions``.

    Raises:
        OptionError: The model has no file of that precision.
        ModelMissing: The file is not there.
        ModelMismatch: Its bytes are not those the manifest names.
    """
    if precision == "fp32":
        name, expected = entry.file, entry.sha256
    elif precision in entry.precisions:
        name, expected = entry.precisions[precision], entry.precision_sha256[precision]
    else:
        raise OptionError(
            f"model '{entry.name}' has no '{precision}' file, "
            f"only {', '.join(['fp32', *entry.precisions])}",
            hint=f"make one: {_MAKERS.get(precision, _EXPORT)} --output FOLDER, then --model FOLDER",
        )
    path = folder / name
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise ModelMissing(
            f"model file '{path}' is missing", hint="reinstall: pip install --force-reinstall ecgan"
        ) from None
    if found != expected:
        raise ModelMismatch(
            f"model file '{path}' has sha256 {found[:12]}, the manifest says {expected[:12]}",
            hint="the file was changed or damaged: restore it, or export it again",
        )
    return path
