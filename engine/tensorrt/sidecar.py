"""The JSON beside an engine: what it was built from, for what, and whether it may be run here.

Engines carry no checksum that TensorRT verifies before it runs them, so ours is checked first.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from ..errors import ModelMismatch, ModelMissing
from ..media.output import write_atomic

FORMAT = 1
SUFFIX = ".json"
AMPERE_PLUS = "ampere+"
"""Target of an engine of full TensorRT for every GPU from compute capability 8.0 on."""

_AMPERE = (8, 0)
_HINT = "build it again: ecgan build-engine"


@dataclass(frozen=True)
class Tensor:
    """One input or output.

    Attributes:
        name: As the model file names it.
        dtype: NumPy's name of its type, "uint8".
        shape: Sizes; -1 for the batch.
    """

    name: str
    dtype: str
    shape: list[int]


@dataclass(frozen=True)
class Sidecar:
    """What is known of an engine.

    Attributes:
        flavour: "tensorrt" or "rtx".
        version: Of the library that built it.
        targets: GPUs it runs on: "sm86", ... or "ampere+".
        device: Name of the GPU it was built on; empty where none was needed.
        precision: "fp16" or "fp32": what most of the arithmetic is done in.
        layers: Kind of layer -> number type -> count, {"CONVOLUTION": {"float16": 40}}.
        inputs: In the model's order.
        outputs: In the model's order.
        min_batch: Smallest batch it takes.
        opt_batch: Batch it is fastest for.
        max_batch: Largest batch it takes.
        onnx: File name of the model it was built from.
        onnx_sha256: Of that file, 64 hex digits.
        plan_sha256: Of the engine's bytes.
        plan_bytes: Size of the engine.
        build_s: Seconds that reading the model and building took.
        peak_memory_mib: Most memory that the building process had used by then.
        parity: Differences to ONNX Runtime where a GPU was there to measure: "worst" and "mean" of
            255; empty where it could not be measured.
    """

    flavour: str
    version: str
    targets: list[str]
    device: str
    precision: str
    layers: dict[str, dict[str, int]]
    inputs: list[Tensor]
    outputs: list[Tensor]
    min_batch: int
    opt_batch: int
    max_batch: int
    onnx: str
    onnx_sha256: str
    plan_sha256: str
    plan_bytes: int
    build_s: float
    peak_memory_mib: float
    parity: dict[str, float]

    @classmethod
    def load(cls, engine: Path) -> Self:
        """Read the sidecar of an engine.

        Raises:
            ModelMissing: There is none.
            ModelMismatch: It is not one that this version understands.
        """
        path = sidecar_path(engine)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ModelMissing(
                f"'{path}', which describes the engine, is missing", hint=_HINT
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ModelMismatch(f"'{path}' is not valid JSON", hint=_HINT) from error
        return cls._parse(document, path)

    @classmethod
    def _parse(cls, document: Any, path: Path) -> Self:
        found = document.pop("format", None) if isinstance(document, dict) else None
        if found != FORMAT:
            raise ModelMismatch(f"'{path}' has format '{found}', expected '{FORMAT}'", hint=_HINT)
        try:
            for side in ("inputs", "outputs"):
                document[side] = [Tensor(**tensor) for tensor in document[side]]
            return cls(**document)
        except (TypeError, KeyError) as error:
            raise ModelMismatch(
                f"'{path}' does not describe an engine: {error}", hint=_HINT
            ) from error

    def to_json(self) -> dict[str, Any]:
        """The file's document."""
        return {"format": FORMAT, **asdict(self)}

    def save(self, engine: Path) -> None:
        """Write it beside its engine.

        Raises:
            OutputError: It cannot be written.
        """
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"
        write_atomic(sidecar_path(engine), text.encode())

    def verify(
        self,
        engine: Path,
        plan: bytes | memoryview,
        *,
        flavour: str,
        version: str,
        capability: tuple[int, int],
        onnx_sha256: str | None = None,
    ) -> None:
        """Refuse an engine that is damaged, or not made for what is here.

        Args:
            engine: Its path, for messages.
            plan: Its bytes.
            flavour: "tensorrt" or "rtx": what is to run it.
            version: Of that library.
            capability: Compute capability of the GPU, (8, 9).
            onnx_sha256: Of the model that it must have been built from; None for any.

        Raises:
            ModelMismatch: In one line, what does not fit.
        """
        here = f"sm{capability[0]}{capability[1]}"
        if hashlib.sha256(plan).hexdigest() != self.plan_sha256:
            raise ModelMismatch(f"engine '{engine}' was changed or damaged", hint=_HINT)
        if (self.flavour, self.version) != (flavour, version):
            raise ModelMismatch(
                f"engine '{engine}' was built with {self.flavour} {self.version}, "
                f"here is {flavour} {version}",
                hint=_HINT,
            )
        if not runs_on(self.targets, capability):
            raise ModelMismatch(
                f"engine '{engine}' is for {', '.join(self.targets)}, the GPU here is {here}",
                hint=f"build it for this GPU: ecgan build-engine --target {here}",
            )
        if onnx_sha256 is not None and onnx_sha256 != self.onnx_sha256:
            raise ModelMismatch(f"engine '{engine}' was built from another model", hint=_HINT)


def runs_on(targets: list[str], capability: tuple[int, int]) -> bool:
    """Whether an engine for these targets runs on a GPU of this compute capability."""
    if AMPERE_PLUS in targets and capability >= _AMPERE:
        return True
    return f"sm{capability[0]}{capability[1]}" in targets


def sidecar_path(engine: Path) -> Path:
    """Where the sidecar of an engine lies: beside it, with ".json" added."""
    return engine.with_name(engine.name + SUFFIX)
