"""Persons and splits: the same for ever, in the stated shares."""

from __future__ import annotations

from collections import Counter

from ecgan.trainer.data.splits import half_of, split_of


def test_a_name_has_its_split_for_ever() -> None:
    # written down once: a change of the rule would move people from training into tests
    assert [split_of(n) for n in ("ann", "p0", "p9", "p7", "p11")] == [
        *("train", "test", "val", "test", "val")
    ]


def test_shares() -> None:
    counts = Counter(split_of(f"person {n}") for n in range(5000))
    # four standard deviations of a binomial share
    assert abs(counts["test"] / 5000 - 0.10) < 0.017
    assert abs(counts["val"] / 5000 - 0.06) < 0.0135
    assert "test" not in {split_of(f"person {n}", test_share=0) for n in range(200)}


def test_a_name_has_its_half_for_ever_and_halves_tell_nothing_of_splits() -> None:
    assert [half_of(n) for n in ("ann", "p0", "p1", "p2", "p3")] == [
        *("odd", "even", "even", "odd", "odd")
    ]
    names = [f"person {n}" for n in range(5000)]
    for split, count in Counter(map(split_of, names)).items():
        odd = sum(half_of(n) == "odd" for n in names if split_of(n) == split)
        assert abs(odd / count - 0.5) < 4 * 0.5 / count**0.5  # four standard deviations
