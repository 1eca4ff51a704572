"""From what the user asks for to seven weights."""

from __future__ import annotations

import numpy as np
import pytest

from ecgan.engine.errors import OptionError
from ecgan.engine.expressions import ALIASES, EXPRESSIONS, expression_name, expression_weights


def row(**weights: float) -> np.ndarray:
    """(7,) float32 by name."""
    return np.array([weights.get(name, 0.0) for name in EXPRESSIONS], np.float32)


def test_the_order_is_that_of_the_data_set() -> None:
    wanted = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
    assert wanted == EXPRESSIONS


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_a_name_is_one_hot(name: str) -> None:
    weights = expression_weights(name)
    assert weights.dtype == np.float32
    np.testing.assert_array_equal(weights, row(**{name: 1.0}))


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_an_alias_stands_for_a_name_in_any_case(alias: str, name: str) -> None:
    assert name in EXPRESSIONS
    assert expression_name(f"  {alias.upper()} ") == name


def test_auto_is_all_zeros() -> None:
    np.testing.assert_array_equal(expression_weights(" Auto "), np.zeros(7, np.float32))


@pytest.mark.parametrize(
    ("request_text", "intensity", "wanted"),
    [
        ("happy", 0.5, row(happiness=0.5)),
        ("happy", 1.5, row(happiness=1.5)),
        ("happy", 0.0, row()),
        ("happy:0.7,surprise:0.3", 1.0, row(happiness=0.7, surprise=0.3)),
        ("happy:3, sad:1", 1.0, row(happiness=0.75, sadness=0.25)),
        ("happy,sad", 0.5, row(happiness=0.25, sadness=0.25)),
        ("happy:1,joy:1,angry:2", 1.0, row(happiness=0.5, anger=0.5)),
        ("happy:1,sad:0", 1.0, row(happiness=1.0)),
    ],
)
def test_blends_sum_to_the_intensity(
    request_text: str, intensity: float, wanted: np.ndarray
) -> None:
    np.testing.assert_allclose(expression_weights(request_text, intensity), wanted, atol=1e-7)


@pytest.mark.parametrize(
    ("request_text", "message"),
    [
        ("hapy", "unknown expression 'hapy'; choose from surprise, fear"),
        ("", "unknown expression ''"),
        ("happy,,sad", "unknown expression ''"),
        ("happy:much", "'happy:much' is not an expression with a weight"),
        ("happy:", "'happy:' is not an expression with a weight"),
        ("happy:-1", "'happy:-1' is not an expression with a weight"),
        ("happy:nan", "'happy:nan' is not an expression with a weight"),
        ("happy:inf", "'happy:inf' is not an expression with a weight"),
        ("happy:0,sad:0", "the weights of 'happy:0,sad:0' sum to nothing"),
        ("auto:0.5,happy:0.5", "unknown expression 'auto'"),
    ],
)
def test_what_cannot_be_read_is_named(request_text: str, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        expression_weights(request_text)
    assert caught.value.message.startswith(message)


def test_the_nearest_name_is_the_hint() -> None:
    with pytest.raises(OptionError) as caught:
        expression_name("hapy")
    assert caught.value.hint == "did you mean 'happy' (happiness)?"
    with pytest.raises(OptionError) as caught:
        expression_name("neutrl")
    assert caught.value.hint == "did you mean 'neutral'?"
    with pytest.raises(OptionError) as caught:
        expression_name("xyzzy")
    assert caught.value.hint is None


@pytest.mark.parametrize("intensity", [-0.1, 1.51, float("nan"), float("inf")])
def test_intensity_has_limits(intensity: float) -> None:
    with pytest.raises(OptionError, match=r"is outside 0 to 1\.5"):
        expression_weights("happy", intensity)


def test_intensity_says_nothing_to_auto() -> None:
    with pytest.raises(OptionError, match="no effect on expression 'auto'"):
        expression_weights("auto", 0.5)
