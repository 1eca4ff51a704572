"""The endless stream of training samples, prepared ahead of their use.

Sample number i is a pure function of (seed, i): a stopped run resumes with exactly the samples
it would have seen, without replaying any.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping

import cv2
import numpy as np

from ecgan.engine.errors import DatasetError

from .shards import BrokenPicture

logger = logging.getLogger(__name__)

BATCHES_AHEAD = 3
"""Batches that may wait for the training step."""

MAX_REDRAWS = 20
"""Broken pictures in succession after which a set is given up."""


class SampleStream:
    """Batches of an endless, weighted, seeded stream, prepared by a thread ahead of their use.

    Args:
        draw: Makes item i from (row, generator).
        weights: (rows,) how often each row comes, any positive scale.
        batch: Items a batch.
        seed: Item i depends on (seed, i) alone.
        start: First item, for a resumed run.
    """

    def __init__(
        self,
        draw: Callable[[int, np.random.Generator], Mapping[str, np.ndarray]],
        weights: np.ndarray,
        *,
        batch: int,
        seed: int,
        start: int = 0,
    ) -> None:
        self._draw = draw
        self._cumulative = np.cumsum(weights / weights.sum())
        self._batch, self._seed, self._next = batch, seed, start
        self._queue: queue.Queue[dict[str, np.ndarray] | BaseException] = queue.Queue(BATCHES_AHEAD)
        self._broken: set[str] = set()
        self._last_broken = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._fill, name="samples", daemon=True)
        self._thread.start()

    def item(self, number: int) -> Mapping[str, np.ndarray]:
        """Item ``number`` of the stream; a picture that cannot be decoded is passed over.

        Raises:
            DatasetError: One picture after another is broken.
        """
        rng = np.random.default_rng([self._seed, number])
        for _ in range(MAX_REDRAWS):
            row = int(np.searchsorted(self._cumulative, rng.random(), side="right"))
            try:
                return self._draw(min(row, len(self._cumulative) - 1), rng)
            except BrokenPicture as error:
                self._pass_over(str(error))
        raise DatasetError(f"{MAX_REDRAWS} pictures in succession are broken: {self._last_broken}")

    @property
    def broken(self) -> int:
        """How many different pictures were passed over."""
        return len(self._broken)

    def _pass_over(self, message: str) -> None:
        self._last_broken = message
        if message not in self._broken:
            self._broken.add(message)
            logger.warning("passed over: %s", message)

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        got = self._queue.get()
        if isinstance(got, BaseException):
            raise got
        return got

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=0.1)
            except queue.Empty:
                continue

    def _fill(self) -> None:
        cv2.setNumThreads(1)
        while not self._stop.is_set():
            try:
                items = [self.item(self._next + k) for k in range(self._batch)]
                self._next += self._batch
                got: dict[str, np.ndarray] | BaseException = {
                    key: np.stack([item[key] for item in items]) for key in items[0]
                }
            except BaseException as error:  # noqa: BLE001 - handed to the consumer
                got = error
            self._queue.put(got)
            if isinstance(got, BaseException):
                return
