"""Where the time of a job goes: seconds by stage, also of stages that run beside each other."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Stages:
    """Adds up seconds by name; each name may be used by one thread at a time.

    Args:
        seconds: Where the sums are kept.
    """

    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Count the time spent in the block."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - begin
            self._seconds[name] = self._seconds.get(name, 0.0) + spent

    def each(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Pass items on, counting the time it takes to get them."""
        iterator = iter(items)
        missing = object()
        while True:
            with self(name):
                item = next(iterator, missing)
            if item is missing:
                return
            yield item  # type: ignore[misc]
