"""Which faces of a picture are to be changed."""

from __future__ import annotations

from collections.abc import Iterable

from .errors import OptionError
from .types import Face, FaceResult, FaceStatus

ALL_FACES = "all"
LARGEST = "largest"


def parse_faces(faces: str) -> str | int:
    """Read a selection of faces.

    Args:
        faces: "all", "largest", or a number from 1.

    Returns:
        "all", "largest", or the number.

    Raises:
        OptionError: It is something else.
    """
    word = faces.strip().lower()
    if word in (ALL_FACES, LARGEST):
        return word
    if word.isascii() and word.isdigit() and int(word) > 0:
        return int(word)
    raise OptionError(
        f"unknown selection of faces '{faces}'; expected all, largest, or a number from 1",
        hint="--preview writes a picture with the numbers",
    )


def select(
    faces: list[Face], selection: str, min_face: int, named: Iterable[int] = ()
) -> list[FaceResult]:
    """Decide which faces are worth looking at.

    Args:
        faces: In the order of their numbers, the first is number 1.
        selection: As ``parse_faces`` takes it.
        min_face: Faces whose box is lower than this many pixels are too small.
        named: Numbers that were given an expression of their own.

    Returns:
        One result per face: ``CHANGED`` stands for "go on with it", else why not.

    Raises:
        OptionError: The selection is unknown, or a number is not there or not selected.
    """
    choice = parse_faces(selection)
    if not faces:
        return []
    numbers = range(1, len(faces) + 1)
    for number in {*named, *([choice] if isinstance(choice, int) else [])}:
        if number not in numbers:
            raise OptionError(
                f"face '{number}' is not there; the picture shows {_count(len(faces))}",
                hint="--preview writes a picture with the numbers",
            )
    chosen = set(numbers)
    if isinstance(choice, int):
        chosen = {choice}
    elif choice == LARGEST:
        chosen = {max(numbers, key=lambda number: _area(faces[number - 1]))}
    for number in named:
        if number not in chosen:
            raise OptionError(
                f"face '{number}' has an expression of its own, but '{selection}' leaves it out"
            )
    return [
        FaceResult(number, face, _status(number in chosen, face.height >= min_face))
        for number, face in zip(numbers, faces, strict=True)
    ]


def _count(faces: int) -> str:
    return "1 face" if faces == 1 else f"{faces} faces, numbered from left to right"


def _area(face: Face) -> float:
    return face.height * float(face.bbox[2] - face.bbox[0])


def _status(is_chosen: bool, is_large_enough: bool) -> FaceStatus:
    if not is_chosen:
        return FaceStatus.NOT_SELECTED
    return FaceStatus.CHANGED if is_large_enough else FaceStatus.TOO_SMALL
