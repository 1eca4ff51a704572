"""The model files that ship: there, unchanged, and on which terms."""

from __future__ import annotations

from pathlib import Path

from ..errors import EcganError
from ..models import ModelEntry, load_manifest, model_folder, verified_path
from .base import Finding, Status, failed


def shipped() -> list[Finding]:
    """Hash and licence of every file of the manifest."""
    folder = model_folder()
    try:
        entries = load_manifest(folder).models
    except EcganError as error:
        return [failed("models", error)]
    return [_verified(folder, entry) for entry in entries]


def _verified(folder: Path, entry: ModelEntry) -> Finding:
    try:
        for precision in ("fp32", *entry.precisions):
            verified_path(folder, entry, precision)
    except EcganError as error:
        return failed(entry.name, error)
    kinds = ", ".join(["fp32", *entry.precisions])
    text = f"{entry.kind}, {kinds}, sha256 {entry.sha256[:12]} verified; licence: {entry.licence}"
    return Finding(entry.name, Status.OK, text)
