"""What every detector offers."""

from __future__ import annotations

from typing import Protocol

from ..types import U8, Face


class Detector(Protocol):
    """Finds faces in a picture.

    Attributes:
        name: Registry name.
        device: What it really runs on, "cpu" or "cuda:0"; never what was merely asked for.
    """

    name: str
    device: str

    def detect(self, frame: U8, *, quick: bool = False, small: bool = False) -> list[Face]:
        """Find faces.

        Args:
            frame: (H, W, 3) uint8 RGB, any size from 1x1 up.
            quick: One pass at one scale, for frames in which faces are being followed.
            small: Look for small faces too, for stills: it costs more than all other passes.
                A quick look stays quick.

        Returns:
            Faces with boxes inside the frame, highest score first, without duplicates.
        """
        ...
