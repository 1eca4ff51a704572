"""What every runtime checks in the same way before it computes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from ..errors import ModelMismatch, OptionError
from .base import Array, TensorSpec


def usable_cores() -> int:
    """Cores that this process may use: with an affinity set, fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count(threads: int | None) -> int:
    """Threads to compute with: what is asked for, or one per usable core.

    Raises:
        OptionError: ``threads`` is below 1.
    """
    if threads is not None and threads < 1:
        raise OptionError(f"threads '{threads}' is below 1")
    return threads or usable_cores()


def cuda_index(device: str) -> int | None:
    """Number of the card that is asked for by name; None for "auto" and "cpu".

    Raises:
        OptionError: ``device`` is not of the form auto, cpu, or cuda:N.
    """
    if device in ("auto", "cpu"):
        return None
    found = re.fullmatch(r"cuda(?::(\d{1,3}))?", device)
    if found is None:
        raise OptionError(f"unknown device '{device}'; expected auto, cpu, or cuda:N")
    return int(found[1] or 0)


def check_feeds(inputs: Mapping[str, TensorSpec], feeds: Mapping[str, Array]) -> None:
    """Hold feeds against a model's inputs.

    Raises:
        ModelMismatch: A name, a type or a shape differs.
    """
    if feeds.keys() != inputs.keys():
        raise ModelMismatch(f"the model takes {sorted(inputs)}, got {sorted(feeds)}")
    for name, spec in inputs.items():
        array = feeds[name]
        fits = len(array.shape) == len(spec.shape) and all(
            wanted in (None, size) for wanted, size in zip(spec.shape, array.shape, strict=True)
        )
        if array.dtype != spec.dtype or not fits:
            raise ModelMismatch(
                f"input '{name}' is {spec.dtype} {spec.shape}, got {array.dtype} {array.shape}"
            )
