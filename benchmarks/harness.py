"""Timing that survives a shared machine: warm-up, interleaved rounds, ratios round by round."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

SETTLE_S = 0.02
"""Pause before each call: idle workers of the last call's thread pool spin for a while."""


ROUNDS_MIN = 3
"""Rounds that are made however long they take."""


@dataclass(frozen=True)
class Timing:
    """What one variant took.

    Attributes:
        name: The variant.
        times_ms: One wall time a round, in the order of the rounds.
    """

    name: str
    times_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """Median over the rounds."""
        return statistics.median(self.times_ms)

    @property
    def p90_ms(self) -> float:
        """The time that nine rounds of ten stay within."""
        return self.percentile_ms(90)

    def percentile_ms(self, percent: int) -> float:
        """The time that so many percent of the rounds stay within (nearest rank)."""
        ordered = sorted(self.times_ms)
        return ordered[-(-percent * len(ordered) // 100) - 1]

    @property
    def fastest_ms(self) -> float:
        """The least disturbed round."""
        return min(self.times_ms)


def interleave(
    variants: Mapping[str, Callable[[], object]], *, rounds: int, warmup: int = 2
) -> list[Timing]:
    """Time variants in turn, so that a disturbance meets all of them alike.

    Args:
        variants: Name -> what to call.
        rounds: Timed calls of each variant, at least 1.
        warmup: Calls of each variant before, not timed.

    Returns:
        One timing a variant, in the order given.

    Raises:
        ValueError: ``rounds`` is below 1.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1, got {rounds}")
    for call in variants.values():
        for _ in range(warmup):
            call()
    return interleave_measured({name: _timed(call) for name, call in variants.items()}, rounds)


def interleave_measured(
    variants: Mapping[str, Callable[[], float]], rounds: int, *, limit_s: float = math.inf
) -> list[Timing]:
    """Let variants that time themselves, such as other processes, take turns.

    Args:
        variants: Name -> what to call; returns milliseconds.
        rounds: Calls of each, at least 1.
        limit_s: No further round is begun after so long, once there were ``ROUNDS_MIN``.

    Returns:
        One timing a variant, in the order given.
    """
    times: dict[str, list[float]] = {name: [] for name in variants}
    end = time.monotonic() + limit_s
    for done in range(rounds):
        if done >= ROUNDS_MIN and time.monotonic() > end:
            break
        for name, call in variants.items():
            time.sleep(SETTLE_S)
            times[name].append(call())
    return [Timing(name, tuple(values)) for name, values in times.items()]


def _timed(call: Callable[[], object]) -> Callable[[], float]:
    def timed() -> float:
        start = time.perf_counter()
        call()
        return 1000 * (time.perf_counter() - start)

    return timed


def speedup(slow: Timing, fast: Timing) -> float:
    """How many times faster one variant is: the median of the ratios of each round.

    Args:
        slow: The variant that sets the scale.
        fast: A variant timed in the same rounds.

    Raises:
        ValueError: They have different numbers of rounds.
    """
    pairs = zip(slow.times_ms, fast.times_ms, strict=True)
    return statistics.median(a / b for a, b in pairs)
