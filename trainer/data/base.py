"""What a reader of data sets gives: pictures with what is known of them, and where possible faces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ecgan.engine.errors import DatasetError
from ecgan.engine.types import U8

from .faces import FaceSet


@dataclass(frozen=True)
class Picture:
    """A picture of a data set, not looked at yet.

    Attributes:
        name: Unique within its source; may have slashes.
        source: Data source.
        load: Decodes it, upright: (H, W, 3) uint8 RGB; raises ``InputError`` where it is broken.
        label: Index into ``EXPRESSIONS``, or -1.
        person: Who it shows, or "".
        split: "train", "val" or "test" as its owners chose, or "" for the person's hash.
    """

    name: str
    source: str
    load: Callable[[], U8]
    label: int = -1
    person: str = ""
    split: str = ""


class Reader(ABC):
    """One form in which data sets lie on a disk; a class without state.

    Attributes:
        has_landmarks: Whether ``faces`` works, so that training can read this form as it is.
    """

    has_landmarks: ClassVar[bool] = False

    @abstractmethod
    def recognises(self, path: Path) -> bool:
        """Whether ``path`` has this form; a look at names is enough."""

    @abstractmethod
    def pictures(self, path: Path) -> list[Picture]:
        """All pictures, in an order that is always the same.

        Raises:
            DatasetError: Something is missing or broken; a picture is not opened for this.
        """

    def faces(self, path: Path) -> FaceSet:
        """Faces with landmarks, which training needs; only some forms hold them.

        Raises:
            DatasetError: This form does not, or something is missing or broken.
        """
        raise DatasetError(
            f"the pictures of '{path}' have no landmarks yet",
            hint=f"ecgan prepare '{path}' -o FOLDER finds the faces; then name FOLDER as data",
        )
