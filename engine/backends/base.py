"""What every runtime offers: open a model file, describe its tensors, run, close."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a model.

    Attributes:
        dtype: NumPy type of the array.
        shape: Sizes; None where the size is free (the batch).
    """

    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]


@runtime_checkable
class Backend(Protocol):
    """A model loaded into a runtime.

    Attributes:
        name: Registry name.
        device: What the model really runs on, "cpu" or "cuda:0"; never what was merely asked for.
        inputs: Name -> spec, in the model's order.
        outputs: Name -> spec, in the model's order.
    """

    name: str
    device: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]

    @classmethod
    def open(cls, path: Path, *, device: str = "auto", threads: int | None = None) -> Self:
        """Load a model file.

        Args:
            path: The model file, already verified.
            device: "auto", "cpu" or "cuda:N"; a device that cannot be had is an error.
            threads: Threads to compute with on the CPU; None for one per usable core.

        Raises:
            OptionError: ``device`` is not of that form, or ``threads`` is below 1.
            BackendUnavailable: The runtime or the device is not there.
            ModelMismatch: The runtime refuses the file.
        """
        ...

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute all outputs. Calls from several threads are allowed and may be serialised.

        Args:
            feeds: Input name -> array of the dtype and shape that ``inputs`` says.

        Returns:
            Output name -> array.

        Raises:
            ModelMismatch: The feeds do not fit the model's inputs.
            OutOfMemory: Memory ran out, the machine's or the card's.
            EcganError: The runtime failed otherwise, or the model is closed.
        """
        ...

    def close(self) -> None:
        """Release the model. Further calls of ``run`` are errors."""
        ...
