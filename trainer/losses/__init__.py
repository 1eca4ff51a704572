"""Losses by name. A new one is one file here and one line below."""

from __future__ import annotations

from ecgan.engine.registry import Registry

LOSSES = Registry(
    "loss",
    {
        "reconstruction": "ecgan.trainer.losses.reconstruction:ReconstructionLoss",
        "perceptual": "ecgan.trainer.losses.perceptual:PerceptualLoss",
        "adversarial-bce": "ecgan.trainer.losses.adversarial:BceAdversarialLoss",
    },
)

__all__ = ["LOSSES"]
