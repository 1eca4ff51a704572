from __future__ import annotations

from fractions import Fraction

import pytest

from ecgan.engine.errors import OptionError
from ecgan.engine.media.trim import parse_cut, parse_position


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12.5", Fraction(25, 2)),
        ("0", Fraction(0)),
        (".5", Fraction(1, 2)),
        ("7.", Fraction(7)),
        ("1:02.5", Fraction(125, 2)),
        ("90:00", Fraction(5400)),
        ("1:00:02", Fraction(3602)),
        (" 3 ", Fraction(3)),
    ],
)
def test_parse_position_reads_times(text: str, seconds: Fraction) -> None:
    position = parse_position(text, "--start")
    assert (position.seconds, position.frame) == (seconds, None)


def test_parse_position_reads_frame_numbers() -> None:
    position = parse_position("300f", "--end")
    assert (position.seconds, position.frame) == (None, 300)


@pytest.mark.parametrize(
    "text", ["", "abc", "-1", "1:60", "1:60:00", "nan", "inf", "1e3", "12,5", "-3f", "1.5f", "1:"]
)
def test_parse_position_refuses_nonsense(text: str) -> None:
    with pytest.raises(OptionError, match="--start") as caught:
        parse_position(text, "--start")
    assert "300f" in caught.value.message


@pytest.mark.parametrize(
    ("start", "end"), [("2", "2"), ("0:03", "2.5"), ("20f", "10f"), (None, "0"), (None, "0f")]
)
def test_parse_cut_refuses_an_end_before_the_start(start: str | None, end: str) -> None:
    with pytest.raises(OptionError, match="does not lie behind"):
        parse_cut(start, end)


def test_parse_cut_leaves_mixed_units_to_the_reader() -> None:
    assert parse_cut("5", "10f").end is not None
    assert parse_cut(None, None).is_whole
