"""How the stored picture of a video is turned and mirrored to stand upright.

A container says so with a display matrix. Networks see the upright picture; the encoder is handed
the stored one, and the same matrix is written to the output, so that players turn it exactly once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..types import Patch

if TYPE_CHECKING:
    from av import VideoFrame

# 2x2 part of the matrix (rows: where a step right, a step down of the stored picture goes)
# for 0, 1, 2, 3 quarter turns counter-clockwise.
_TURNS = (((1, 0), (0, 1)), ((0, -1), (1, 0)), ((-1, 0), (0, -1)), ((0, 1), (-1, 0)))


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """The nine numbers of the display matrix that came with a frame, or None."""
    side: Any = frame.side_data.get("DISPLAYMATRIX")
    if side is None:
        return None
    return tuple(int(number) for number in np.frombuffer(side, np.int32)[:9])


@dataclass(frozen=True)
class Orientation:
    """From the stored to the upright picture: mirror left-right, then turn.

    Attributes:
        turns: Quarter turns counter-clockwise, 0 to 3.
        mirrored: The stored picture is mirrored left-right before it is turned.
    """

    turns: int = 0
    mirrored: bool = False

    @classmethod
    def from_matrix(cls, matrix: Sequence[int] | None) -> Orientation:
        """Read the nine numbers of a display matrix; None stands for upright.

        A turn that is no multiple of 90 degrees is taken to the nearest one that is.
        """
        if matrix is None:
            return cls()
        right, down = np.array(matrix[0:2], np.float64), np.array(matrix[3:5], np.float64)
        mirrored = bool(right[0] * down[1] - right[1] * down[0] < 0)
        given = np.stack([-right if mirrored else right, down])
        fits = [float((given * np.array(turn)).sum()) for turn in _TURNS]
        return cls(int(np.argmax(fits)), mirrored)

    @property
    def is_upright(self) -> bool:
        """Whether the stored picture needs no change."""
        return self.turns == 0 and not self.mirrored

    def upright_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the upright picture, given those of the stored one."""
        return (height, width) if self.turns % 2 else (width, height)

    def upright(self, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Stored (H, W[, C]) array as the viewer sees it; a view where possible."""
        return np.rot90(stored[:, ::-1] if self.mirrored else stored, self.turns)

    def stored(self, upright: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Undo ``upright``; a view where possible."""
        array = np.rot90(upright, -self.turns)
        return array[:, ::-1] if self.mirrored else array

    def stored_patch(self, patch: Patch, width: int, height: int) -> Patch:
        """Move a patch from upright to stored coordinates.

        Args:
            patch: In the upright picture, inside its borders.
            width: Width of the stored picture.
            height: Height of the stored picture.

        Returns:
            The same paint, turned and placed for the stored picture.
        """
        if self.is_upright:
            return patch
        tall, wide = patch.alpha.shape
        x, y = patch.x, patch.y
        left, top = {
            0: (x, y),
            1: (width - y - tall, x),
            2: (width - x - wide, height - y - tall),
            3: (y, height - x - wide),
        }[self.turns]
        rgb, alpha = self.stored(patch.rgb), self.stored(patch.alpha)
        if self.mirrored:
            left = width - left - alpha.shape[1]
        return Patch(left, top, np.ascontiguousarray(rgb), np.ascontiguousarray(alpha))
