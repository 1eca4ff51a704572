"""ONNX Runtime: the default runtime, on the CPU or on an NVIDIA card."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..errors import BackendUnavailable, EcganError, ModelMismatch, OutOfMemory, one_line
from .base import Array, TensorSpec
from .checks import check_feeds, cuda_index, thread_count

_log = logging.getLogger(__name__)

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_FATAL = 4
_SPIN_FROM = (1, 26)
"""First version of ONNX Runtime whose spinning can be bounded in time."""
SPIN_US = 25
"""How long an idle thread spins: over the gap between two operators, not over that between two
networks. It spares the networks of a face a tenth of their time; a video is as fast either way."""
INSTALL_GPU = "pip uninstall -y onnxruntime && pip install onnxruntime-gpu"
_DTYPES = {
    "tensor(uint8)": np.uint8,
    "tensor(int64)": np.int64,
    "tensor(float16)": np.float16,
    "tensor(float)": np.float32,
    "tensor(bool)": np.bool_,
}


class OrtBackend:
    """A model in ONNX Runtime. See ``Backend`` for the contract.

    ``run`` may be called from several threads at once: the session itself allows it.
    """

    name = "onnxruntime"

    def __init__(self, session: Any, device: str, errors: tuple[type[Exception], ...]) -> None:
        self.device = device
        self.inputs: Mapping[str, TensorSpec] = _specs(session.get_inputs())
        self.outputs: Mapping[str, TensorSpec] = _specs(session.get_outputs())
        self._session = session
        self._errors = errors

    @classmethod
    def open(cls, path: Path, *, device: str = "auto", threads: int | None = None) -> Self:
        """As ``Backend.open``; "auto" is a card where one works, else the CPU."""
        index = cuda_index(device)
        runtime = _runtime()
        errors = _error_classes(runtime)
        options = _session_options(runtime, threads)
        wants_cuda = index is not None or (
            device == "auto" and _CUDA in runtime.get_available_providers()
        )
        if wants_cuda:
            session = _open_on_cuda(runtime, path, options, index or 0, errors)
            if session is not None:
                return cls(session, f"cuda:{index or 0}", errors)
            if index is not None:
                raise unusable(device)
        try:
            session = runtime.InferenceSession(str(path), options, providers=[_CPU])
        except errors as error:
            raise ModelMismatch(f"onnxruntime refuses '{path}': {one_line(error)}") from error
        return cls(session, "cpu", errors)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """As ``Backend.run``."""
        session = self._session
        if session is None:
            raise EcganError("the model is closed")
        check_feeds(self.inputs, feeds)
        try:
            values = session.run(None, dict(feeds))
        except self._errors as error:
            text = one_line(error)
            if isinstance(error, MemoryError) or "alloc" in text.lower():
                raise OutOfMemory(
                    f"onnxruntime ran out of memory on {self.device}: {text}",
                    hint="close other programs, or use --device cpu",
                ) from error
            raise EcganError(f"onnxruntime failed on {self.device}: {text}") from error
        return dict(zip(self.outputs, values, strict=True))

    def close(self) -> None:
        """As ``Backend.close``."""
        self._session = None


def unusable(device: str) -> BackendUnavailable:
    """The error for a card that ONNX Runtime cannot have."""
    return BackendUnavailable(
        f"device '{device}' cannot be used by onnxruntime here",
        hint=f"{INSTALL_GPU}, or --device cpu",
    )


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendUnavailable(
            f"onnxruntime cannot be imported: {one_line(error)}", hint="pip install onnxruntime"
        ) from error
    # Its C++ side writes warnings to stderr by itself; every failure also reaches us as an
    # exception, so nothing is lost by leaving it only its last words.
    onnxruntime.set_default_logger_severity(_FATAL)
    return onnxruntime


def _error_classes(runtime: Any) -> tuple[type[Exception], ...]:
    """All that ONNX Runtime raises: its own classes have no common base of their own."""
    own = vars(runtime.capi.onnxruntime_pybind11_state).values()
    classes = [value for value in own if isinstance(value, type) and issubclass(value, Exception)]
    return (*classes, RuntimeError, ValueError, MemoryError)


def _session_options(runtime: Any, threads: int | None) -> Any:
    options = runtime.SessionOptions()
    options.log_severity_level = _FATAL
    options.intra_op_num_threads = thread_count(threads)
    options.inter_op_num_threads = 1
    # Several networks take turns here. The idle threads of each would spin for long and steal the
    # cores from the next network and from the video coder.
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    if tuple(map(int, runtime.__version__.split(".")[:2])) >= _SPIN_FROM:
        options.add_session_config_entry("session.intra_op.spin_duration_us", str(SPIN_US))
    else:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _open_on_cuda(
    runtime: Any, path: Path, options: Any, index: int, errors: tuple[type[Exception], ...]
) -> Any | None:
    """A session that really has the card, or None.

    ONNX Runtime goes on with the CPU when the card's libraries do not load, and only says so in
    its log: what the session holds afterwards is the truth.
    """
    if _CUDA not in runtime.get_available_providers():
        return None
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        runtime.preload_dlls()
    _log.debug("onnxruntime preload: %s", said.getvalue().strip())
    try:
        session = runtime.InferenceSession(
            str(path),
            options,
            providers=[(_CUDA, {"device_id": index}), _CPU],
            enable_fallback=False,
        )
    except errors as error:
        _log.debug("onnxruntime on cuda:%d: %s", index, error)
        return None
    return session if _CUDA in session.get_providers() else None


def _specs(nodes: Any) -> dict[str, TensorSpec]:
    specs = {}
    for node in nodes:
        if node.type not in _DTYPES:
            raise ModelMismatch(f"tensor '{node.name}' has type '{node.type}', not used here")
        shape = tuple(size if isinstance(size, int) else None for size in node.shape)
        specs[node.name] = TensorSpec(np.dtype(_DTYPES[node.type]), shape)
    return specs
