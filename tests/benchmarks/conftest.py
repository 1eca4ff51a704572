"""The drawn faces that the trainer's tests read, for measures on them."""

from __future__ import annotations

from ..trainer.conftest import faces_folder

__all__ = ["faces_folder"]
