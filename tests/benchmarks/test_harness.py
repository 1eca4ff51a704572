import time

import pytest

from ecgan.benchmarks.harness import ROUNDS_MIN, Timing, interleave, interleave_measured, speedup


def test_rounds_alternate_after_the_warm_up() -> None:
    calls: list[str] = []
    timings = interleave(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=3, warmup=2
    )
    assert "".join(calls) == "aabb" + "ababab"
    assert [timing.name for timing in timings] == ["a", "b"]
    assert all(len(timing.times_ms) == 3 for timing in timings)


def test_wall_time_is_measured() -> None:
    (timing,) = interleave({"sleep": lambda: time.sleep(0.02)}, rounds=3, warmup=0)
    assert 20 <= timing.fastest_ms < 200


def test_median_and_percentile_of_known_times() -> None:
    timing = Timing("x", (5.0, 1.0, 4.0, 2.0, 3.0, 10.0, 9.0, 8.0, 7.0, 6.0))
    assert timing.median_ms == 5.5
    assert timing.p90_ms == 9.0
    assert timing.fastest_ms == 1.0
    assert Timing("one", (2.0,)).p90_ms == 2.0


def test_percentiles_are_times_that_were_measured() -> None:
    timing = Timing("x", tuple(float(ms) for ms in range(1, 101)))
    assert [timing.percentile_ms(percent) for percent in (50, 90, 99, 100)] == [50, 90, 99, 100]
    assert Timing("two", (1.0, 2.0)).percentile_ms(99) == 2.0


def test_variants_that_time_themselves_are_believed_and_stop_at_the_limit() -> None:
    (timing,) = interleave_measured({"x": lambda: 7.0}, 50, limit_s=0)
    assert timing.times_ms == (7.0,) * ROUNDS_MIN
    (timing,) = interleave_measured({"x": lambda: 7.0}, 5)
    assert len(timing.times_ms) == 5


def test_speedup_is_the_median_of_each_rounds_ratio() -> None:
    # A disturbance that doubles both times of a round leaves its ratio alone.
    assert speedup(Timing("slow", (10.0, 20.0, 10.0)), Timing("fast", (1.0, 2.0, 5.0))) == 10.0
    with pytest.raises(ValueError, match="zip"):
        speedup(Timing("slow", (1.0, 2.0)), Timing("fast", (1.0,)))


def test_no_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="rounds must be at least 1, got 0"):
        interleave({}, rounds=0)
