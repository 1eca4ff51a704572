"""Which split a person belongs to: a hash of the name, so that it is the same in every data set."""

from __future__ import annotations

import hashlib

SPLITS = ("train", "val", "test")
VAL_SHARE, TEST_SHARE = 0.06, 0.10
"""Shares of the persons that are kept for validation and for tests."""


def split_of(person: str, *, test_share: float = TEST_SHARE) -> str:
    """The split of a person.

    Args:
        person: Who; the same name always gives the same split.
        test_share: 0 where the owners of the pictures chose the test split themselves.

    Returns:
        "train", "val" or "test".
    """
    place = int.from_bytes(_digest(person)[:8], "big") / 2**64
    if place < test_share:
        return "test"
    return "val" if place < test_share + VAL_SHARE else "train"


def half_of(person: str) -> str:
    """Which of two halves a person belongs to, whatever the split.

    A network that judges is trained on the even one; whatever judges while a generator is trained
    may have the odd one.

    Args:
        person: Who; the same name always gives the same half.

    Returns:
        "even" or "odd".
    """
    return "odd" if _digest(person)[-1] % 2 else "even"


def _digest(person: str) -> bytes:
    return hashlib.sha256(person.encode("utf-8")).digest()
