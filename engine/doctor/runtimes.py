"""Each runtime: installed or not, and whether it really computes here.

What needs a GPU is only touched after the driver has answered, since some TensorRT runtimes end
the process where there is none.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.ort import INSTALL_GPU, OrtBackend
from ..errors import BackendUnavailable, EcganError, one_line
from ..models import SEGMENTER, load_manifest, model_folder, verified_path
from ..tensorrt.driver import find_gpu
from ..tensorrt.flavour import INSTALL, MODULES, RTX, TENSORRT, load_flavour
from ..tensorrt.versions import known_targets
from ..types import CROP_SIZE
from .base import Finding, Status, failed
from .packages import version_of
from .system import GET_DRIVER, has_gpu

NEEDS_GPU = "needs an NVIDIA GPU and its driver"


def onnxruntime() -> list[Finding]:
    """The default runtime, on the CPU."""
    try:
        _run_segmenter(OrtBackend, "cpu")
    except EcganError as error:
        return [failed("onnxruntime", error)]
    return [Finding("onnxruntime", Status.OK, f"{_ort_version()}, computes on the CPU")]


def onnxruntime_cuda() -> list[Finding]:
    """The same on an NVIDIA GPU."""
    subject = "onnxruntime on a GPU"
    version = version_of("onnxruntime-gpu")
    if not has_gpu():
        if version is None:
            return [Finding(subject, Status.ABSENT, f"not installed, {NEEDS_GPU}", INSTALL_GPU)]
        return [_without_gpu(subject, version)]
    try:
        _run_segmenter(OrtBackend, "cuda:0")
    except EcganError as error:
        if version is None:
            return [Finding(subject, Status.ABSENT, error.message, INSTALL_GPU)]
        return [failed(subject, error, Status.WARNING)]
    return [Finding(subject, Status.OK, f"{version}, computes on the GPU")]


def openvino() -> list[Finding]:
    """OpenVINO on the CPU."""
    install = "pip install 'ecgan[openvino]'"
    version = version_of("openvino")
    if version is None:
        return [_not_installed("openvino", install)]
    from ..backends.openvino import OpenVinoBackend

    try:
        _run_segmenter(OpenVinoBackend, "cpu")
    except EcganError as error:
        return [failed("openvino", error, Status.WARNING)]
    return [Finding("openvino", Status.OK, f"{version}, computes on the CPU")]


def torch() -> list[Finding]:
    """torch, which training and the torch backend need."""
    install = "pip install 'ecgan[train]'"
    if importlib.util.find_spec("torch") is None:
        return [_not_installed("torch", install)]
    try:
        module = importlib.import_module("torch")
        on_gpu = module.cuda.is_available()
    except (ImportError, OSError) as error:
        return [_broken("torch", error, install)]
    where = f"the GPU (CUDA {module.version.cuda})" if on_gpu else "the CPU"
    return [Finding("torch", Status.OK, f"{module.__version__}, computes on {where}")]


def tensorrt() -> list[Finding]:
    """Full TensorRT."""
    return [_flavour("tensorrt", TENSORRT)]


def tensorrt_rtx() -> list[Finding]:
    """TensorRT for RTX, which also builds engines without a GPU."""
    return [_flavour("tensorrt-rtx", RTX)]


def cuda_python() -> list[Finding]:
    """The library by which engines run."""
    from ..tensorrt.cuda_python import CudaPythonDevice

    return [_device("cuda-python", "cuda.bindings", "pip install 'ecgan[rtx]'", CudaPythonDevice)]


def pycuda() -> list[Finding]:
    """The other one, for programs that hold a pycuda context."""
    from ..tensorrt.pycuda_device import PycudaDevice

    return [_device("pycuda", "pycuda", "pip install 'ecgan[pycuda]'", PycudaDevice)]


def _run_segmenter(backend: Any, device: str) -> None:
    folder = model_folder()
    path = verified_path(folder, load_manifest(folder).of_kind(SEGMENTER))
    opened = backend.open(path, device=device)
    opened.run({"crop": np.zeros((1, CROP_SIZE, CROP_SIZE, 3), np.uint8)})
    opened.close()


def _flavour(subject: str, name: str) -> Finding:
    if importlib.util.find_spec(MODULES[name]) is None:
        return _not_installed(subject, INSTALL[name])
    if name == TENSORRT and not has_gpu():
        return _without_gpu(subject, version_of(subject))
    try:
        flavour = load_flavour(name)
    except BackendUnavailable as error:
        return failed(subject, error, Status.WARNING)
    if not has_gpu():
        text = f"{flavour.version}, builds engines; to run one {NEEDS_GPU}"
        return Finding(subject, Status.ABSENT, text, GET_DRIVER)
    gpu = find_gpu()
    known = known_targets(flavour)
    if known and gpu.target not in known:
        text = f"{flavour.version} names {', '.join(known)}, and this GPU is {gpu.target}"
        return Finding(subject, Status.ABSENT, text, INSTALL[TENSORRT])
    return Finding(subject, Status.OK, f"{flavour.version}, on {gpu.name} ({gpu.target})")


def _device(subject: str, module: str, install: str, open_device: Callable[[int], Any]) -> Finding:
    version = version_of(subject)
    if version is None or not _is_there(module):
        return _not_installed(subject, install)
    if not has_gpu():
        return _without_gpu(subject, version)
    try:
        open_device(0)
    except EcganError as error:
        return failed(subject, error, Status.WARNING)
    return Finding(subject, Status.OK, f"{version}, opens the GPU")


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it
        return False


def _not_installed(subject: str, install: str) -> Finding:
    return Finding(subject, Status.ABSENT, "not installed", install)


def _without_gpu(subject: str, version: str | None) -> Finding:
    text = f"{version or 'installed'}, {NEEDS_GPU}"
    return Finding(subject, Status.ABSENT, text, GET_DRIVER)


def _broken(subject: str, error: Exception, install: str) -> Finding:
    text = f"cannot be imported: {one_line(error)}"
    return Finding(
        subject, Status.WARNING, text, install.replace("install", "install --force-reinstall")
    )


def _ort_version() -> str:
    return version_of("onnxruntime-gpu") or version_of("onnxruntime") or ""
