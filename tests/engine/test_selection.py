"""Which faces are looked at."""

from __future__ import annotations

import numpy as np
import pytest

from ecgan.engine.errors import OptionError
from ecgan.engine.selection import parse_faces, select
from ecgan.engine.types import Face


def _faces(*heights: int) -> list[Face]:
    points = np.zeros((5, 2), np.float32)
    return [
        Face(np.array([100 * i, 0, 100 * i + 0.8 * height, height], np.float32), 1.0, points)
        for i, height in enumerate(heights)
    ]


def _status(heights: tuple[int, ...], selection: str, named: tuple[int, ...] = ()) -> list[str]:
    return [str(r.status) for r in select(_faces(*heights), selection, 32, named)]


def test_all_largest_and_one() -> None:
    assert _status((50, 90, 60), "all") == ["changed"] * 3
    assert _status((50, 90, 60), "largest") == ["not selected", "changed", "not selected"]
    assert _status((50, 90, 60), "3") == ["not selected", "not selected", "changed"]


def test_a_selected_face_may_be_too_small() -> None:
    assert _status((31, 32), "all") == ["too small", "changed"]
    assert _status((31, 32), "1") == ["too small", "not selected"]


def test_numbers_count_from_one() -> None:
    assert [r.number for r in select(_faces(50, 60), "all", 32)] == [1, 2]


def test_no_face_is_no_mistake_of_the_selection() -> None:
    assert select([], "2", 32) == []


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "biggest", "²"])
def test_unknown_selection(text: str) -> None:
    with pytest.raises(OptionError, match="unknown selection of faces"):
        parse_faces(text)


def test_a_number_that_is_not_there_says_how_many_are() -> None:
    with pytest.raises(OptionError, match="face '3' is not there; the picture shows 2"):
        _status((50, 60), "3")
    with pytest.raises(OptionError, match="face '5' is not there"):
        _status((50, 60), "all", (5,))


def test_an_expression_for_a_face_that_is_left_out_is_refused() -> None:
    with pytest.raises(OptionError, match="face '1' has an expression of its own"):
        _status((50, 60), "largest", (1,))
