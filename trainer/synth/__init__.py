"""Draws face masks onto bare faces."""

from .base import Covering, Palette
from .distract import distract
from .styles import MASK_STYLES
from .wear import mask_shape, wear_mask
from .wearing import POSES

__all__ = ["MASK_STYLES", "POSES", "Covering", "Palette", "distract", "mask_shape", "wear_mask"]
