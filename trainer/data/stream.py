"""The endless stream of training samples, prepared ahead of their use.

Sample number i is a pure function of (seed, i): a stopped run resumes with exactly the samples
it would have seen, without replaying any, and several processes share a batch by number alone.
"""

from __future__ import annotations

import logging
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import cv2
import numpy as np

from ecgan.engine.errors import DatasetError

from .shards import BrokenPicture

logger = logging.getLogger(__name__)

BATCHES_AHEAD = 3
"""Batches that may wait for the training step."""

MAX_REDRAWS = 20
"""Broken pictures in succession after which a set is given up."""

Batch = dict[str, np.ndarray]


class SampleSource:
    """Items of a weighted, seeded stream by number; pickled to the processes that draw them.

    Args:
        draw: Makes item i from (row, generator).
        weights: (rows,) how often each row comes, any positive scale.
        seed: Item i depends on (seed, i) alone.
    """

    def __init__(
        self,
        draw: Callable[[int, np.random.Generator], Mapping[str, np.ndarray]],
        weights: np.ndarray,
        seed: int,
    ) -> None:
        self._draw, self._seed = draw, seed
        self._cumulative = np.cumsum(weights / weights.sum())
        self._broken: set[str] = set()
        self._last_broken = ""

    def item(self, number: int) -> Mapping[str, np.ndarray]:
        """Item ``number`` of the stream.

        Raises:
            DatasetError: Many pictures in succession are broken.
        """
        rng = np.random.default_rng([self._seed, number])
        for _ in range(MAX_REDRAWS):
            row = int(np.searchsorted(self._cumulative, rng.random(), side="right"))
            try:
                return self._draw(min(row, len(self._cumulative) - 1), rng)
            except BrokenPicture as error:
                self._pass_over(str(error))
        raise DatasetError(f"{MAX_REDRAWS} pictures in succession are broken: {self._last_broken}")

    def __getitem__(self, numbers: range) -> Batch | BaseException:
        """Items by number, stacked; what went wrong is handed on as it is, for whoever asked."""
        try:
            items = [self.item(number) for number in numbers]
            return {key: np.stack([item[key] for item in items]) for key in items[0]}
        except BaseException as error:  # noqa: BLE001 - raised by the consumer
            return error

    @property
    def broken(self) -> int:
        """How many different pictures were passed over by this process."""
        return len(self._broken)

    def _pass_over(self, message: str) -> None:
        self._last_broken = message
        if message not in self._broken:
            self._broken.add(message)
            logger.warning("passed over: %s", message)


class SampleStream(SampleSource):
    """Batches of the stream, prepared ahead of their use by a thread or by processes.

    Args:
        draw: As in ``SampleSource``.
        weights: As in ``SampleSource``.
        batch: Items a batch, over all shares.
        seed: As in ``SampleSource``.
        start: First item, for a resumed run.
        share: Which share of each batch this is, and of how many; they must divide the batch.
        workers: Processes that draw; 0 for one thread of this process.
    """

    def __init__(
        self,
        draw: Callable[[int, np.random.Generator], Mapping[str, np.ndarray]],
        weights: np.ndarray,
        *,
        batch: int,
        seed: int,
        start: int = 0,
        share: tuple[int, int] = (0, 1),
        workers: int = 0,
    ) -> None:
        super().__init__(draw, weights, seed)
        numbers = _Numbers(start, batch, share)
        self._feed: _Thread | _Processes
        if workers:
            self._feed = _Processes(SampleSource(draw, weights, seed), numbers, workers)
        else:
            self._feed = _Thread(self, numbers)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        got = self._feed.get()
        if isinstance(got, BaseException):
            raise got
        return got

    def close(self) -> None:
        """End the thread, or the processes."""
        self._feed.close()


class _Numbers:
    """Which items make up each batch of one share, without end."""

    def __init__(self, start: int, batch: int, share: tuple[int, int]) -> None:
        rank, self._count = share[0], batch // share[1]
        self._first, self._batch = start + rank * self._count, batch

    def __iter__(self) -> Iterator[range]:
        first = self._first
        while True:
            yield range(first, first + self._count)
            first += self._batch


class _Thread:
    """One thread, which leaves the training its processor cores as far as it can."""

    def __init__(self, source: SampleSource, numbers: _Numbers) -> None:
        self._source, self._numbers = source, numbers
        self._queue: queue.Queue[Batch | BaseException] = queue.Queue(BATCHES_AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._fill, name="samples", daemon=True)
        self._thread.start()

    def get(self) -> Batch | BaseException:
        return self._queue.get()

    def close(self) -> None:
        self._stop.set()
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=0.1)
            except queue.Empty:
                continue

    def _fill(self) -> None:
        cv2.setNumThreads(1)
        for numbers in self._numbers:
            got = self._source[numbers]
            self._queue.put(got)
            if self._stop.is_set() or isinstance(got, BaseException):
                return


class _Processes:
    """Several processes, for a GPU that would wait for one thread."""

    def __init__(self, source: SampleSource, numbers: _Numbers, workers: int) -> None:
        import torch
        from torch.utils.data import DataLoader

        loader: DataLoader[Any] = DataLoader(
            source,  # type: ignore[arg-type]  # indexed by what the sampler gives
            batch_size=None,
            sampler=numbers,
            num_workers=workers,
            prefetch_factor=BATCHES_AHEAD,
            collate_fn=_as_it_is,
            worker_init_fn=_in_worker,
            generator=torch.Generator(),  # or it would draw from the run's own
        )
        self._batches: Iterator[Batch | BaseException] | None = iter(loader)

    def get(self) -> Batch | BaseException:
        if self._batches is None:
            raise RuntimeError("the stream is closed")
        return next(self._batches)

    def close(self) -> None:
        self._batches = None  # its end ends the processes


def _as_it_is(batch: Any) -> Any:
    return batch


def _in_worker(_: int) -> None:
    cv2.setNumThreads(1)
    # Ctrl-C reaches every process of a terminal: the run finishes its step, and needs a batch for it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
