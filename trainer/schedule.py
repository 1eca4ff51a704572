"""How fast a network learns over a run: it rises, stays, and falls as a cosine."""

from __future__ import annotations

import math

from .config import LoopConfig


def rate(config: LoopConfig, seen: int) -> float:
    """Share of the full learning rate after ``seen`` samples, in (0, 1]."""
    rise = min(1.0, (seen + 1) / max(1, config.warmup))
    left = (seen / config.samples - config.decay_from) / max(1e-6, 1 - config.decay_from)
    wave = 0.5 + 0.5 * math.cos(math.pi * min(1.0, max(0.0, left)))
    return rise * (config.decay_to + (1 - config.decay_to) * wave)
