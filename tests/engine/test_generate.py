"""The generator's way from crops, masks and expressions to paint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.errors import ModelMismatch, OptionError
from ecgan.engine.expressions import expression_weights
from ecgan.engine.generate import Generator
from ecgan.engine.types import F32, U8


@pytest.fixture(scope="module")
def generator(model_folder: Path) -> Generator:
    backend = OrtBackend.open(model_folder / "generator.onnx", device="cpu", threads=1)
    return Generator(backend, auto=True)


def _inputs(count: int) -> tuple[U8, F32, F32]:
    rng = np.random.default_rng(1)
    crops = rng.integers(0, 256, (count, 256, 256, 3), dtype=np.uint8)
    masks = np.zeros((count, 256, 256), np.float32)
    masks[:, 130:230, 60:190] = 1
    return crops, masks, rng.random((count, 7)).astype(np.float32)


def test_paints_the_mask_and_leaves_the_rest(
    generator: Generator, tiny_paint: Callable[[F32], U8]
) -> None:
    crops, masks, weights = _inputs(3)
    painted = generator.paint(crops, masks, weights)
    assert painted.dtype == np.uint8
    np.testing.assert_array_equal(painted[masks == 0], crops[masks == 0])
    for i in range(3):
        wanted = tiny_paint(weights[i])[masks[i] == 1].astype(int)
        # One level: the graph adds in another order than the check.
        assert np.abs(painted[i][masks[i] == 1] - wanted).max() <= 1


def test_batch_order_and_splitting_do_not_matter(generator: Generator) -> None:
    crops, masks, weights = _inputs(19)
    painted = generator.paint(crops, masks, weights)
    order = np.random.default_rng(2).permutation(19)
    shuffled = generator.paint(crops[order], masks[order], weights[order])
    np.testing.assert_array_equal(shuffled, painted[order])
    np.testing.assert_array_equal(
        generator.paint(crops[18:], masks[18:], weights[18:])[0], painted[18]
    )


def test_no_crop_gives_no_paint(generator: Generator) -> None:
    assert generator.paint(*_inputs(0)).shape == (0, 256, 256, 3)


def test_an_expression_is_refused_by_a_model_that_knows_none(generator: Generator) -> None:
    deaf = Generator(generator.backend, auto=True, expressions=False)
    crops, masks, weights = _inputs(1)
    with pytest.raises(OptionError, match="knows no expressions"):
        deaf.paint(crops, masks, weights)
    found = deaf.paint(crops, masks, np.zeros_like(weights))
    np.testing.assert_array_equal(found, generator.paint(crops, masks, np.zeros_like(weights)))


def test_auto_is_refused_by_a_model_that_needs_an_expression(generator: Generator) -> None:
    crops, masks, weights = _inputs(2)
    needy = Generator(generator.backend, auto=False)
    needy.paint(crops, masks, weights)
    weights[1] = expression_weights("auto")
    with pytest.raises(OptionError, match="cannot do expression 'auto'"):
        needy.paint(crops, masks, weights)
    generator.paint(crops, masks, weights)


def test_a_segmenter_is_no_generator(model_folder: Path) -> None:
    backend = OrtBackend.open(model_folder / "segmenter.onnx", device="cpu", threads=1)
    with pytest.raises(ModelMismatch, match="the generator is crop uint8"):
        Generator(backend, auto=True)
