"""What is fed to an opened generator."""

from __future__ import annotations

import numpy as np


def generator_feeds(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Random crops, a soft mask and weights, as the contract wants them."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((count, 256, 256), np.uint8)
    mask[:, 100:200, 80:180] = rng.integers(1, 256, (count, 100, 100))
    return {
        "crop": rng.integers(0, 256, (count, 256, 256, 3), dtype=np.uint8),
        "mask": mask,
        "expression": rng.random((count, 7)).astype(np.float32),
    }
