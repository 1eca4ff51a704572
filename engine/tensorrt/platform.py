"""What engines run on here: a GPU, a TensorRT, and a library that talks to the driver."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ModelMismatch, OptionError
from .build import build_engine
from .cache import Build, EngineCache, pass_over
from .driver import Gpu, find_gpu
from .flavour import AUTO, Flavour, load_flavour
from .loaded import LoadedEngine
from .memory import Device
from .parity import Run
from .runner import Runner
from .session import Session

CUDA_PYTHON = "cuda-python"
PYCUDA = "pycuda"


class Platform:
    """One GPU with all that it takes to run engines on it.

    Args:
        gpu: The GPU.
        flavour: The TensorRT.
        open_device: Opens the GPU; called with the first network, and again after the last closed.
        build: Builds an engine that is missing; None for ``build_engine``, held against its model.
        folder: Where engines are kept; None for the user's folder.
    """

    def __init__(
        self,
        gpu: Gpu,
        flavour: Flavour,
        open_device: Callable[[], Device],
        *,
        build: Build | None = None,
        folder: Path | None = None,
    ) -> None:
        self.gpu, self.flavour = gpu, flavour
        self._open_device, self._folder = open_device, folder
        self._build = build or functools.partial(build_engine, opener=self.trial)
        self._lock = threading.Lock()
        self._session: Session | None = None

    def open(self, onnx: Path, *, graphs: bool = True) -> Runner:
        """The network of a model file, from an engine that is kept or built now.

        Args:
            onnx: The model file.
            graphs: Whether to record CUDA graphs.

        Raises:
            EcganError: The engine cannot be built or run here.
        """
        cache = EngineCache(self.flavour, self.gpu, build=self._build, folder=self._folder)
        refused = None
        for path, plan in cache.engines(onnx):
            if refused is not None:
                pass_over(refused)
            try:
                return self._load(path, plan, graphs=graphs)
            except ModelMismatch as error:
                refused = error
        raise refused or ModelMismatch(f"'{onnx}' has no engine")

    @contextmanager
    def trial(self, path: Path, plan: bytes) -> Iterator[Run]:
        """Load an engine that is not in use yet, to look at what it computes.

        Args:
            path: Where it will lie.
            plan: Its bytes.

        Raises:
            EcganError: It cannot be run here.
        """
        runner = self._load(path, plan, graphs=False)
        try:
            yield lambda feeds: runner.submit(feeds, len(next(iter(feeds.values())))).result()
        finally:
            runner.close()

    def close(self) -> None:
        """Close what is still open."""
        with self._lock:
            if self._session is not None:
                self._session.close()

    def _load(self, path: Path, plan: bytes, *, graphs: bool) -> Runner:
        while True:
            session = self._running_session()
            with session.lock:
                if session.is_closed:  # by another thread, a moment ago
                    continue
                try:
                    with session.device.active():
                        engine = LoadedEngine(self.flavour, plan, path)
                    return Runner(session, engine, graphs=graphs)
                finally:
                    session.end_if_unused()

    def _running_session(self) -> Session:
        with self._lock:
            if self._session is None or self._session.is_closed:
                self._session = Session(self._open_device())
            return self._session


_platforms: dict[tuple[int, str, str], Platform] = {}
_platforms_lock = threading.Lock()


def find_platform(index: int = 0, library: str | None = None, flavour: str = AUTO) -> Platform:
    """What is here, the driver asked first: without one, some TensorRT would end the process.

    Args:
        index: Number of the GPU.
        library: "cuda-python" or "pycuda"; None for pycuda where the program holds a context of it
            or nothing else is installed, and cuda-python elsewhere.
        flavour: As ``load_flavour`` takes it.

    Raises:
        OptionError: There is no such library.
        BackendUnavailable: Driver, GPU, TensorRT or library is missing; the hint mends it.
    """
    gpu = find_gpu(index)
    loaded = load_flavour(flavour)
    library = library or _library()
    if library not in (CUDA_PYTHON, PYCUDA):
        raise OptionError(f"unknown library '{library}'; choose from {CUDA_PYTHON}, {PYCUDA}")
    with _platforms_lock:
        key = index, library, loaded.name
        if key not in _platforms:
            _platforms[key] = Platform(gpu, loaded, lambda: _open_device(index, library))
            atexit.register(_platforms[key].close)  # while the driver still answers
        return _platforms[key]


def _library() -> str:
    pycuda = sys.modules.get("pycuda.driver")
    if pycuda is not None and pycuda.Context.get_current() is not None:
        return PYCUDA
    if importlib.util.find_spec("cuda") is not None or importlib.util.find_spec("pycuda") is None:
        return CUDA_PYTHON
    return PYCUDA


def _open_device(index: int, library: str) -> Device:
    if library == PYCUDA:
        from .pycuda_device import PycudaDevice

        return PycudaDevice(index)
    from .cuda_python import CudaPythonDevice

    return CudaPythonDevice(index)
