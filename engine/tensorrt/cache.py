"""Engines that were built on first use, and are found again.

An engine runs only where all it was built with is the same, so all of that is in its file name. Its
sidecar is checked all the same: a file can be damaged, or come from elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import EcganError, InputError, ModelMismatch, ModelMissing, OutputError, system_reason
from .build import BuildOptions, build_engine
from .driver import Gpu
from .flavour import RTX, Flavour
from .network import read_model
from .sidecar import Sidecar, sidecar_path
from .sources import SUFFIX
from .versions import CURRENT

_log = logging.getLogger(__name__)

FOLDER_VARIABLE = "ECGAN_CACHE"
_KEY_DIGITS = 16
_RTX_S, _RTX_S_PER_MB = 1.0, 0.5
"""TensorRT for RTX on two cores: what a build took for the networks that ship, rounded up."""
_FULL_S = 60.0
"""Full TensorRT tries kernels on the GPU: nobody can know before the first build, so a guess."""

Build = Callable[[Path, Path, BuildOptions], Sidecar]


def engine_folder() -> Path:
    """Where engines are kept: ``$ECGAN_CACHE``, or the user's folder for such things."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named) / "engines"
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "ecgan" / "engines"


class EngineCache:
    """Finds or builds the engine of a model file for the GPU that is here.

    Args:
        flavour: What builds and runs.
        gpu: The GPU.
        build: Builds an engine.
        options: What to build.
        folder: Where engines are kept; None for ``engine_folder``.
    """

    def __init__(
        self,
        flavour: Flavour,
        gpu: Gpu,
        *,
        build: Build = build_engine,
        options: BuildOptions | None = None,
        folder: Path | None = None,
    ) -> None:
        self._flavour, self._gpu, self._build = flavour, gpu, build
        self._options = options or BuildOptions(flavour=flavour.name, target=CURRENT, gpu=gpu.index)
        self._folder = folder or engine_folder()

    def path_of(self, onnx: Path, content: bytes) -> Path:
        """Where the engine of a model is kept.

        Args:
            onnx: The model file.
            content: Its bytes.
        """
        key = {
            "onnx": hashlib.sha256(content).hexdigest(),
            "batches": self._options.batches,
            "workspace_mib": self._options.workspace_mib,
            "flavour": self._flavour.name,
            "version": self._flavour.version,
            "gpu": self._gpu.name,
            "capability": self._gpu.capability,
        }
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self._folder / f"{onnx.stem}-{digest[:_KEY_DIGITS]}{SUFFIX}"

    def engines(self, onnx: Path) -> Iterator[tuple[Path, bytes]]:
        """Engines of a model to try, best first: go on only where one was refused.

        One that ``ecgan build-engine`` made, beside the model file or, of a network that ships, in
        the folder of engines; the kept one; and at last one that is built now. What does not fit is
        said in one line and passed over.

        Args:
            onnx: The model file.

        Yields:
            Path of an engine and its bytes, which are what its sidecar says.

        Raises:
            EcganError: It cannot be built.
        """
        content = read_model(onnx)
        sha256 = hashlib.sha256(content).hexdigest()
        kept = self.path_of(onnx, content)
        built = onnx.with_suffix(SUFFIX)
        for path in (built, self._folder / built.name, kept):
            if path.exists():
                plan = self._read(path, sha256)
                if plan is not None:
                    yield path, plan
        _log.warning(
            "building the TensorRT engine of '%s', about %.0f s; it is kept for the next time",
            onnx.name,
            self._seconds(onnx, content),
        )
        try:
            self._build(onnx, kept, self._options)
        except OutputError as error:
            hint = f"name a folder that can be written: export {FOLDER_VARIABLE}=FOLDER"
            raise OutputError(error.message, hint) from error
        plan = self._read(kept, sha256)
        if plan is None:
            raise ModelMismatch(f"engine '{kept}' is not what was built a moment ago")
        yield kept, plan

    def _read(self, path: Path, onnx_sha256: str) -> bytes | None:
        """The bytes of an engine, or None for one that may not be run here."""
        try:
            sidecar = Sidecar.load(path)
            plan = _read_plan(path)
            sidecar.verify(
                path,
                plan,
                flavour=self._flavour.name,
                version=self._flavour.version,
                capability=self._gpu.capability,
                onnx_sha256=onnx_sha256,
            )
            if sidecar.min_batch > 1:
                raise ModelMismatch(
                    f"engine '{path}' takes {sidecar.min_batch} faces at least, not one"
                )
        except (ModelMismatch, ModelMissing, InputError) as error:
            pass_over(error)
            return None
        return plan

    def _seconds(self, onnx: Path, content: bytes) -> float:
        """About how long a build will take: as long as the last one of such a model, if known."""
        times = []
        for beside in self._folder.glob(f"{onnx.stem}-*{SUFFIX}"):
            try:
                times.append((sidecar_path(beside).stat().st_mtime, Sidecar.load(beside).build_s))
            except (EcganError, OSError):
                continue
        if times:
            return max(1.0, max(times)[1])
        if self._flavour.name != RTX:
            return _FULL_S
        return _RTX_S + _RTX_S_PER_MB * len(content) / 1e6


def pass_over(error: EcganError) -> None:
    """Say why an engine is not used."""
    _log.warning("%s; it is not used", error.message)


def _read_plan(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"engine '{path}' cannot be read: {system_reason(error)}") from error
