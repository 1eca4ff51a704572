"""One row in a process of its own: its memory is its own, and if it dies the table goes on."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import time
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from ecgan.engine.errors import EcganError
from ecgan.engine.memory import peak_memory_mib
from ecgan.trainer.torch_backend import register

from .rows import Row
from .work import Feeds, Work, run_apart, run_chain

START_LIMIT_S = 600.0
"""Longest wait for a row to answer: compiling the paper's network took minutes on two cores."""


class RowFailure(EcganError):
    """A row cannot run, or failed; the message is what the table shows."""


@dataclass(frozen=True)
class Seat:
    """What a row's process is given at its start.

    Attributes:
        row: Which way to run.
        work: What to run.
        threads: CPU threads.
        feeds: Largest batch; smaller ones are its head.
    """

    row: Row
    work: Work
    threads: int
    feeds: Feeds


class Worker:
    """The parent's side of one row.

    Args:
        seat: What it runs.
        log: Where the process's words go.
    """

    def __init__(self, seat: Seat, log: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._log = log
        self._process = context.Process(target=_serve, args=(theirs, seat, log), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, what: str, **arguments: Any) -> Any:
        """Have something done and wait for it.

        Raises:
            RowFailure: It says why it cannot, it died, or it does not answer.
        """
        try:
            self._ours.send((what, arguments))
            if not self._ours.poll(START_LIMIT_S):
                self.close(0)
                raise RowFailure(f"gave no answer in {START_LIMIT_S:.0f} s")
            is_done, reply = self._ours.recv()
        except (EOFError, OSError):
            raise RowFailure(self._how_it_died()) from None
        if not is_done:
            raise RowFailure(*reply)
        return reply

    def close(self, patience_s: float = 5.0) -> None:
        """End the process.

        Args:
            patience_s: How long it may take to end by itself.
        """
        self._ours.close()
        self._process.join(timeout=patience_s)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _how_it_died(self) -> str:
        self._process.join(timeout=5)
        code = self._process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        words = self._log.read_text(errors="replace").split("\n") if self._log.is_file() else []
        last = next((line.strip() for line in reversed(words) if line.strip()), "")
        return f"its process ended with {how}" + (f": {last}" if last else "")


def _serve(pipe: Connection, seat: Seat, log: Path) -> None:
    """Answer until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    with log.open("w") as words:  # runtimes write to the terminal as they like
        os.dup2(words.fileno(), sys.stdout.fileno())
        os.dup2(words.fileno(), sys.stderr.fileno())
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    register()
    running = _Running(seat)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            what, arguments = pipe.recv()
            try:
                pipe.send((True, getattr(running, what)(**arguments)))
            except EcganError as error:
                pipe.send((False, (error.message, error.hint)))
            except Exception as error:  # noqa: BLE001  a runtime raises what it likes; say it, go on
                pipe.send((False, (" ".join(f"{type(error).__name__}: {error}".split())[:300],)))


class _Running:
    """What a row's process can be asked."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._opened: dict[str, Any] = {}
        self._unmasker: Any = None

    def open(self) -> dict[str, Any]:
        """Load the networks; what runs them, and the seconds that it took."""
        seat = self._seat
        begin = time.perf_counter()
        for model in seat.work.models:
            self._opened[model.kind] = seat.row.open(model, seat.threads)
        took = time.perf_counter() - begin
        devices = sorted({backend.device for backend in self._opened.values()})
        if devices != [seat.row.device]:
            raise EcganError(f"was to run on {seat.row.device}, and ran on {', '.join(devices)}")
        return {"device": devices[0], "open_s": took}

    def outputs(self, batch: int) -> dict[str, np.ndarray]:
        """What the networks give, each on the same inputs."""
        return run_apart(self._opened, self._feeds(batch))

    def time(self, batch: int) -> tuple[float, dict[str, float]]:
        """Milliseconds of one run, and of its parts where the runtime tells them."""
        feeds = self._feeds(batch)
        begin = time.perf_counter()
        run_chain(self._opened, feeds)
        took = 1000 * (time.perf_counter() - begin)
        parts: dict[str, float] = {}
        for backend in self._opened.values():
            for name, value in getattr(backend, "parts_ms", {}).items():
                parts[name] = parts.get(name, 0.0) + value
        return took, parts

    def peak_mib(self) -> float:
        """Largest resident memory of the process so far."""
        return peak_memory_mib()

    def video(self, video: Path, target: Path, frames: int | None) -> dict[str, Any]:
        """One pass over a video by the whole of ``ecgan unmask``."""
        from .stages import as_reply, measure_video

        return as_reply(measure_video(self._whole(), video, target, frames))

    def _whole(self) -> Any:
        from ecgan.engine.pipeline import Unmasker

        row = self._seat.row
        if row.backend is None or row.options:
            raise EcganError("no setting of ecgan unmask runs this")
        if self._unmasker is None:
            self._unmasker = Unmasker(
                models=self._seat.work.folder,
                backend=row.backend,
                device=row.device,
                threads=self._seat.threads,
                precision=row.precision,
            )
        return self._unmasker

    def _feeds(self, batch: int) -> Feeds:
        return {name: array[:batch] for name, array in self._seat.feeds.items()}
