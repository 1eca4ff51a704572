"""The JSON beside a folder of model files: what each is, its hash, and its terms."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ModelMismatch, ModelMissing

MANIFEST_NAME = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class ModelEntry:
    """One network.

    Attributes:
        name: Registry name, for example "ecgan-fast".
        kind: "generator", "segmenter", "detector" or "classifier".
        file: File name beside the manifest.
        sha256: Of the file's bytes, 64 hex digits.
        licence: Terms of the weights, one line.
        origin: Where the weights come from, one line.
        precisions: Precision -> file name of the same network, such as {"fp16": "x.fp16.onnx"}.
        precision_sha256: Precision -> hash of that file.
        template: Alignment template of the crop, "ffhq_256"; empty for a detector.
        crop_size: Side of the crop in pixels; 0 for a detector.
        classes: Expressions in the order of the condition; empty unless a generator.
        auto: Whether the generator can do without an expression.
        opset: ONNX opset.
        parameters: Number of weights.
        gflop: Per face at batch 1, a multiply-add counted as two.
        samples_seen: Training samples.
        threshold: Segmenter: share of the crop above which a mask is claimed.
        figures: Measured quality, name -> value.
        data: Names of the data sets it was trained on.
    """

    name: str
    kind: str
    file: str
    sha256: str
    licence: str
    origin: str
    precisions: dict[str, str] = field(default_factory=dict)
    precision_sha256: dict[str, str] = field(default_factory=dict)
    template: str = ""
    crop_size: int = 0
    classes: list[str] = field(default_factory=list)
    auto: bool = False
    opset: int = 0
    parameters: int = 0
    gflop: float = 0.0
    samples_seen: int = 0
    threshold: float = 0.0
    figures: dict[str, float] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Manifest:
    """All networks of a folder, by kind: the first of a kind is the default."""

    models: list[ModelEntry]

    def of_kind(self, kind: str) -> ModelEntry:
        """The default model of a kind.

        Raises:
            ModelMissing: The manifest names none.
        """
        for entry in self.models:
            if entry.kind == kind:
                return entry
        raise ModelMissing(f"the manifest names no {kind}")

    def to_json(self) -> str:
        """The file's text."""
        document = {"format": FORMAT, "models": [asdict(entry) for entry in self.models]}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def load_manifest(folder: Path) -> Manifest:
    """Read ``manifest.json`` of a folder.

    Raises:
        ModelMissing: There is no such file.
        ModelMismatch: It is not JSON, or not a manifest this version understands.
    """
    path = folder / MANIFEST_NAME
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelMissing(
            f"no '{MANIFEST_NAME}' in '{folder}'",
            hint="give a folder that ecgan export wrote; of those that ship: "
            "pip install --force-reinstall ecgan",
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelMismatch(f"'{path}' is not valid JSON: {error}") from error
    return _parse(document, path)


def _parse(document: Any, path: Path) -> Manifest:
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise ModelMismatch(f"'{path}' has manifest format '{found}', expected '{FORMAT}'")
    try:
        return Manifest([ModelEntry(**entry) for entry in document["models"]])
    except (TypeError, KeyError) as error:
        raise ModelMismatch(f"'{path}' is not a model manifest: {error}") from error
