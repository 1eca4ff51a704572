from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ecgan.engine.media.threads import Prefetch, Sink


def test_prefetch_keeps_order_and_stays_within_its_depth() -> None:
    made = []

    def items() -> Iterator[int]:
        for i in range(50):
            made.append(i)
            yield i

    taken = []
    with Prefetch(items(), 3, "test") as source:
        for item in source:
            taken.append(item)
            # waiting in the queue, in the producer's hand, and in ours
            assert len(made) <= len(taken) + 4
    assert taken == list(range(50))


def test_prefetch_raises_at_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("broken")

    with Prefetch(items(), 5, "test") as source:
        taken = iter(source)
        assert [next(taken), next(taken)] == [1, 2]
        with pytest.raises(ValueError, match="broken"):
            next(taken)


def test_prefetch_can_be_left_early() -> None:
    begin = time.perf_counter()
    with Prefetch(iter(range(10**9)), 2, "test-early") as source:
        assert next(iter(source)) == 0
    assert time.perf_counter() - begin < 2
    assert not [t for t in threading.enumerate() if t.name.startswith("test-early")]


def test_sink_takes_everything_in_order() -> None:
    taken: list[int] = []
    with Sink(taken.append, 2, "test") as sink:
        for i in range(40):
            sink.put(i)
        sink.finish()
    assert taken == list(range(40))


def test_sink_hands_its_error_to_the_giver() -> None:
    def take(item: int) -> None:
        if item == 3:
            raise OSError("full")

    def give() -> int:
        with Sink(take, 2, "test") as sink:
            for i in range(1000):
                sink.put(i)
            sink.finish()
        return i

    with pytest.raises(OSError, match="full"):
        give()


def test_sink_error_at_the_last_item_is_not_lost() -> None:
    def take(_: int) -> None:
        raise OSError("full")

    with Sink(take, 5, "test") as sink:
        sink.put(1)
        with pytest.raises(OSError, match="full"):
            sink.finish()


def test_sink_left_early_throws_the_rest_away() -> None:
    taken: list[int] = []

    def slow(item: int) -> None:
        time.sleep(0.05)
        taken.append(item)

    def give() -> None:
        with Sink(slow, 8, "test") as sink:
            for i in range(8):
                sink.put(i)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        give()
    assert len(taken) < 8


@pytest.mark.parametrize(
    "make",
    [lambda: Prefetch(iter(range(10**9)), 2, "test-start"), lambda: Sink(print, 2, "test-start")],
)
def test_an_interruption_while_the_worker_starts_leaves_no_thread(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any]
) -> None:
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt), make():
        pytest.fail("entered")
    assert not [t for t in threading.enumerate() if t.name.startswith("test-start")]
