"""The stream: the same samples from a thread and from processes, whole batches from their shares."""

from __future__ import annotations

import numpy as np
import pytest

from ecgan.engine.errors import DatasetError
from ecgan.trainer.data import SampleStream


def draw(row: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"row": np.array(row), "noise": rng.random(3)}


def broken(row: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    raise DatasetError("no such picture", hint="take another")


def batches(count: int, **changes: object) -> list[dict[str, np.ndarray]]:
    stream = SampleStream(draw, np.arange(1.0, 6.0), batch=4, seed=3, **changes)  # type: ignore[arg-type]
    try:
        return [next(stream) for _ in range(count)]
    finally:
        stream.close()


def assert_same(one: list[dict[str, np.ndarray]], two: list[dict[str, np.ndarray]]) -> None:
    for mine, other in zip(one, two, strict=True):
        assert mine.keys() == other.keys()
        for key in mine:
            np.testing.assert_array_equal(mine[key], other[key])


def test_processes_draw_what_a_thread_draws() -> None:
    assert_same(batches(5), batches(5, workers=2))
    assert_same(batches(5)[2:], batches(3, workers=2, start=8))


def test_shares_make_up_the_batch() -> None:
    whole, halves = batches(3), [batches(3, share=(rank, 2)) for rank in (0, 1)]
    joined = [
        {key: np.concatenate([one[key], two[key]]) for key in one}
        for one, two in zip(*halves, strict=True)
    ]
    assert_same(whole, joined)


@pytest.mark.parametrize("workers", [0, 1])
def test_what_goes_wrong_reaches_whoever_asks_with_its_hint(workers: int) -> None:
    stream = SampleStream(broken, np.ones(3), batch=2, seed=0, workers=workers)
    with pytest.raises(DatasetError, match=r"^no such picture$") as caught:
        next(stream)
    assert caught.value.hint == "take another"
    stream.close()
