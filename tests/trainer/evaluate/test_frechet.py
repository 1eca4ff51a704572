"""The distance on sets whose mean and covariance are known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from ecgan.trainer.evaluate.frechet import frechet_distance


def exact(count: int, deviations: list[float], mean: list[float]) -> np.ndarray:
    """(count, D) float32 with that mean, and uncorrelated columns of those deviations."""
    rng = np.random.default_rng(0)
    columns = np.linalg.qr(rng.standard_normal((count, len(mean) + 1)) * 1.0)[0]
    columns = np.linalg.qr(np.column_stack([np.ones(count), columns[:, :-1]]))[0][:, 1:]
    scaled = columns * np.sqrt(count - 1) * np.array(deviations)
    return (scaled + np.array(mean)).astype(np.float32)


def test_equal_sets_have_no_distance() -> None:
    features = exact(60, [1.0, 2.0, 0.5], [0.0, 3.0, -1.0])
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-6)


def test_distance_of_normal_distributions_is_the_formula_s() -> None:
    a = exact(60, [1.0, 2.0, 0.5], [0.0, 3.0, -1.0])
    b = exact(60, [3.0, 2.0, 1.0], [1.0, 3.0, 1.0])
    # squared distance of the means, and of the deviations, as the axes are the same
    expected = (1 + 0 + 4) + ((3 - 1) ** 2 + 0 + (1 - 0.5) ** 2)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-4)


def test_fewer_pictures_than_features_still_give_a_number() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 8, 40)).astype(np.float32)
    assert 0 < frechet_distance(a, b) < 1e4
