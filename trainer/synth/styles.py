"""Which mask is drawn how often."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ecgan.engine.errors import OptionError
from ecgan.engine.registry import Registry

from .base import MaskShape, MaskStyle
from .wearing import wear

MASK_STYLES = Registry(
    "mask style",
    {
        "surgical": "ecgan.trainer.synth.surgical:Surgical",
        "respirator": "ecgan.trainer.synth.respirator:Respirator",
        "cloth": "ecgan.trainer.synth.cloth:ClothMask",
        "scarf": "ecgan.trainer.synth.scarf:Scarf",
    },
)

_SHARES = {"surgical": 0.42, "respirator": 0.2, "scarf": 0.05}
"""How often a style is drawn; the others share the rest."""


def draw_style(
    name: str | None,
    rng: np.random.Generator,
    *,
    kind: str | None = None,
    pose: str | None = None,
) -> tuple[MaskStyle, MaskShape]:
    """A style and one worn outline of it.

    Args:
        name: A name of `MASK_STYLES`; drawn by its share where None.
        rng: Source of randomness.
        kind: One of the style's `KINDS`; drawn by its share where None.
        pose: A name of `wearing.POSES`; drawn by its share where None.

    Raises:
        OptionError: A name is unknown.
    """
    if name is None:
        rest = [n for n in MASK_STYLES if n not in _SHARES]
        left = (1.0 - sum(_SHARES.values())) / max(len(rest), 1)
        name = _pick(rng, {n: _SHARES.get(n, left) for n in MASK_STYLES})
    style: MaskStyle = MASK_STYLES[name]()
    if kind is None:
        kind = _pick(rng, style.KINDS)
    if kind not in style.KINDS:
        raise OptionError(
            f"unknown kind '{kind}' of '{name}'; choose from {', '.join(style.KINDS)}"
        )
    return style, wear(style.shape(rng, kind), rng, pose)


def _pick(rng: np.random.Generator, shares: Mapping[str, float]) -> str:
    names = list(shares)
    place = np.searchsorted(np.cumsum(list(shares.values())), rng.random(), side="right")
    return names[min(int(place), len(names) - 1)]
