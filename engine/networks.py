"""The networks of a model folder: opened on first use, held, released."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from .backends import BACKENDS, Backend, file_and_options, makers
from .backends.ort import OrtBackend
from .contract import BATCH_MAX
from .detect import DETECTORS, Detector
from .errors import OptionError
from .generate import Generator
from .models import GENERATOR, SEGMENTER, ModelEntry, load_manifest, model_folder, verified_path
from .segment import Segmenter


class Networks:
    """Detector, segmenter and generator, opened on first use and their hashes verified.

    A context manager that closes them. May be used from several threads at once.

    Args:
        models: Folder with ``manifest.json`` and the model files; None for those that ship.
        backend: Registry name of the runtime for segmenter and generator.
        device: "auto", "cpu" or "cuda:N"; a device that cannot be had is an error. With another
            backend than onnxruntime, the detector takes a card only where onnxruntime works on one.
        detector: Registry name of the face detector.
        threads: Threads for each network; None for one per core.
        precision: "fp32", or another for which the models have files.
        detector_options: Further arguments of the detector, such as ``score`` or ``path``.
        batch: Most faces that a network is given at once, 1 to 16; None for 16. A video then goes
            through the networks by so many pictures at once; None for one at a time.

    Raises:
        OptionError: An unknown backend or detector; a precision without a file on first use.
        ModelMissing: The folder holds no manifest, or it names no segmenter or generator.
        ModelMismatch: The manifest cannot be read.
    """

    def __init__(
        self,
        *,
        models: Path | None = None,
        backend: str = "onnxruntime",
        device: str = "auto",
        detector: str = "retinaface",
        threads: int | None = None,
        precision: str = "fp32",
        detector_options: Mapping[str, Any] | None = None,
        batch: int | None = None,
    ) -> None:
        if batch is not None and not 1 <= batch <= BATCH_MAX:
            raise OptionError(f"batch '{batch}' is not in the range 1 to {BATCH_MAX}")
        self._folder = models or model_folder()
        manifest = load_manifest(self._folder)
        self._entries = {kind: manifest.of_kind(kind) for kind in (SEGMENTER, GENERATOR)}
        self._backend_class = BACKENDS[backend]
        self._detector_class = DETECTORS[detector]
        self._detector_options = dict(detector_options or {})
        self._device, self._threads, self._precision = device, threads, precision
        self._batch = batch
        self._lock = threading.Lock()
        self._detector: Detector | None = None
        self._segmenter: Segmenter | None = None
        self._generator: Generator | None = None

    @property
    def detector(self) -> Detector:
        """The face detector, opened on first use."""
        with self._lock:
            if self._detector is None:
                self._detector = self._detector_class(
                    device=self._detector_device(),
                    threads=self._threads,
                    **self._detector_options,
                )
            return self._detector

    @property
    def segmenter(self) -> Segmenter:
        """The segmenter, opened on first use."""
        with self._lock:
            if self._segmenter is None:
                entry = self._entries[SEGMENTER]
                self._segmenter = Segmenter(
                    self._open(entry), entry.threshold, self._batch or BATCH_MAX
                )
            return self._segmenter

    @property
    def generator(self) -> Generator:
        """The generator, opened on first use."""
        with self._lock:
            if self._generator is None:
                entry = self._entries[GENERATOR]
                self._generator = Generator(
                    self._open(entry),
                    auto=entry.auto,
                    expressions=bool(entry.classes),
                    batch=self._batch or BATCH_MAX,
                )
            return self._generator

    @property
    def pictures_at_once(self) -> int:
        """Pictures of a video that go through the networks together."""
        return self._batch or 1

    def describe(self) -> dict[str, str]:
        """What really runs: opens the networks, since only then the device is known."""
        return {
            "backend": self.generator.backend.name,
            "device": self.generator.backend.device,
            "detector": self.detector.name,
            "detector_device": self.detector.device,
            "segmenter": self._entries[SEGMENTER].name,
            "generator": self._entries[GENERATOR].name,
            "precision": self._precision,
            "licence": self._entries[GENERATOR].licence,
        }

    def close(self) -> None:
        """Release the networks; they are opened again when needed."""
        with self._lock:
            for part in (self._segmenter, self._generator):
                if part is not None:
                    part.backend.close()
            self._detector = self._segmenter = self._generator = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _detector_device(self) -> str:
        """Detectors have a runtime of their own, onnxruntime: a card asked of another one may be
        out of its reach, and is then no reason to fail."""
        own = self._backend_class.name == OrtBackend.name or self._device == "cpu"
        return self._device if own else "auto"

    def _open(self, entry: ModelEntry) -> Backend:
        precision, options = file_and_options(self._backend_class.name, self._precision)
        if precision not in entry.precisions and (others := makers(precision)):
            raise OptionError(
                f"backend '{self._backend_class.name}' does not compute in '{precision}'",
                hint=f"--backend {others[0]} does",
            )
        backend: Backend = self._backend_class.open(
            verified_path(self._folder, entry, precision),
            device=self._device,
            threads=self._threads,
            **options,
        )
        return backend
