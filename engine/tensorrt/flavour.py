"""Which TensorRT is installed: full TensorRT, or TensorRT for RTX."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from ..errors import BackendUnavailable, OptionError, one_line
from .driver import find_gpu

AUTO = "auto"
TENSORRT = "tensorrt"
RTX = "rtx"
MODULES = {TENSORRT: "tensorrt", RTX: "tensorrt_rtx"}
"""Flavour -> import name, in the order in which ``auto`` tries them."""

INSTALL = {
    TENSORRT: "pip install --extra-index-url https://pypi.nvidia.com 'ecgan[tensorrt]'",
    RTX: "pip install 'ecgan[rtx]'",
}
"""Flavour -> command that installs it."""


@dataclass(frozen=True)
class Flavour:
    """A TensorRT that can be imported.

    Attributes:
        name: "tensorrt" or "rtx".
        version: As the library states it, "1.7.1.116".
        module: The imported module.
    """

    name: str
    version: str
    module: Any


def load_flavour(name: str = AUTO) -> Flavour:
    """Import a TensorRT.

    Full TensorRT is passed over where no GPU answers: without one its builder fails, and its
    runtime may end the process.

    Args:
        name: "tensorrt", "rtx", or "auto" for the first of them that is usable.

    Raises:
        OptionError: There is no such flavour.
        BackendUnavailable: None of those asked for is usable; the message says why for each.
    """
    if name not in (AUTO, *MODULES):
        raise OptionError(
            f"unknown TensorRT flavour '{name}'; choose from {', '.join([AUTO, *MODULES])}"
        )
    failures = {}
    for wanted in MODULES if name == AUTO else [name]:
        try:
            return _load(wanted)
        except BackendUnavailable as error:
            failures[wanted] = error
    if len(failures) == 1:
        raise next(iter(failures.values()))
    reasons = "; ".join(error.message for error in failures.values())
    raise BackendUnavailable(f"no TensorRT is usable: {reasons}", hint=INSTALL[RTX])


def _load(name: str) -> Flavour:
    module_name = MODULES[name]
    try:
        module = importlib.import_module(module_name)
    except (ImportError, OSError) as error:  # bindings without their libraries raise either
        raise BackendUnavailable(
            f"'{module_name}' cannot be imported ({one_line(error)})", hint=INSTALL[name]
        ) from error
    if name == TENSORRT:
        _require_gpu()
    return Flavour(name, str(module.__version__), module)


def _require_gpu() -> None:
    try:
        find_gpu()
    except BackendUnavailable as error:
        raise BackendUnavailable(
            f"'{MODULES[TENSORRT]}' needs a GPU, and {error.message}", hint=error.hint
        ) from error
