"""What every backend promises, over the whole registry; one that cannot run here is skipped."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ecgan.engine.backends import BACKENDS, Backend
from ecgan.engine.contract import BATCH_MAX, INPUTS, OUTPUTS
from ecgan.engine.errors import BackendUnavailable, EcganError, ModelMismatch

from .conftest import generator_feeds

Open = Callable[[str], Backend]


@pytest.fixture(scope="module", params=list(BACKENDS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def opened(name: str, model_folder: Path) -> Open:
    """Open a kind of model of the tiny folder."""

    def opened(kind: str) -> Backend:
        try:
            return BACKENDS[name].open(model_folder / f"{kind}.onnx", device="auto", threads=1)
        except BackendUnavailable as error:
            pytest.skip(str(error))

    return opened


@pytest.fixture(scope="module")
def generator(opened: Open) -> Backend:
    return opened("generator")


def test_it_says_what_it_is_and_what_it_runs_on(generator: Backend, name: str) -> None:
    assert isinstance(generator, Backend)
    assert generator.name == name
    assert generator.device == "cpu" or generator.device.startswith("cuda:")


@pytest.mark.parametrize("kind", ["segmenter", "generator"])
def test_specs_equal_the_contract(opened: Open, kind: str) -> None:
    backend = opened(kind)
    assert dict(backend.inputs) == dict(INPUTS[kind])
    assert list(backend.outputs.values()) == [OUTPUTS[kind]]


@pytest.mark.parametrize("count", [5, BATCH_MAX])
def test_batch_of_one_and_of_many_agree(generator: Backend, count: int) -> None:
    feeds = generator_feeds(count)
    (together,) = generator.run(feeds).values()
    for i in range(count):
        (alone,) = generator.run({key: array[i : i + 1] for key, array in feeds.items()}).values()
        np.testing.assert_array_equal(alone[0], together[i])


def test_several_threads_get_the_answer_of_one(generator: Backend) -> None:
    def painted(seed: int) -> np.ndarray:
        (found,) = generator.run(generator_feeds(2, seed)).values()
        return found

    expected = [painted(seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(painted, range(8)))
    np.testing.assert_array_equal(expected, found)


def test_a_file_that_is_no_model_is_a_mismatch(opened: Open, name: str, tmp_path: Path) -> None:
    opened("segmenter")  # skips where the runtime is missing
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelMismatch, match=r"broken\.onnx"):
        BACKENDS[name].open(path, threads=1)


def test_a_closed_model_says_so(opened: Open) -> None:
    backend = opened("segmenter")
    backend.close()
    with pytest.raises(EcganError, match="closed"):
        backend.run({"crop": np.zeros((1, 256, 256, 3), np.uint8)})
