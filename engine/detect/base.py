"""What every detector offers."""

from __future__ import annotations

from typing import Protocol

from ..types import U8, Face


class Detector(Protocol):
    """Finds faces in a picture.

    Attributes:
        name: Registry name.
    """

    name: str

    def detect(self, frame: U8, *, quick: bool = False) -> list[Face]:
        """Find faces.

        Args:
            frame: (H, W, 3) uint8 RGB, any size from 1x1 up.
            quick: One pass at one scale, for frames in which faces are being followed.

        Returns:
            Faces with boxes inside the frame, highest score first, without duplicates.
        """
        ...
