"""Which mask is drawn how often."""

from __future__ import annotations

import numpy as np

from ecgan.engine.registry import Registry

from .base import MaskStyle

MASK_STYLES = Registry(
    "mask style",
    {
        "surgical": "ecgan.trainer.synth.surgical:Surgical",
        "respirator": "ecgan.trainer.synth.respirator:Respirator",
        "cloth": "ecgan.trainer.synth.cloth:ClothMask",
    },
)

_SHARES = {"surgical": 0.42, "respirator": 0.2}
"""How often a style is drawn; the others share the rest."""


def draw_style(name: str | None, rng: np.random.Generator) -> MaskStyle:
    """The named style, or one drawn by its share.

    Raises:
        OptionError: The name is unknown.
    """
    if name is None:
        names = list(MASK_STYLES)
        rest = [n for n in names if n not in _SHARES]
        left = (1.0 - sum(_SHARES.values())) / max(len(rest), 1)
        shares = np.cumsum([_SHARES.get(n, left) for n in names])
        name = names[min(int(np.searchsorted(shares, rng.random())), len(names) - 1)]
    style: MaskStyle = MASK_STYLES[name]()
    return style
