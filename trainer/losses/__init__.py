"""Losses by name. A new one is one file here and one line below."""

from __future__ import annotations

from ecgan.engine.registry import Registry

LOSSES = Registry(
    "loss",
    {
        "reconstruction": "ecgan.trainer.losses.reconstruction:ReconstructionLoss",
        "perceptual": "ecgan.trainer.losses.perceptual:PerceptualLoss",
        "adversarial-bce": "ecgan.trainer.losses.adversarial:BceAdversarialLoss",
        "region-l1": "ecgan.trainer.losses.region:region_l1",
        "gradient-l1": "ecgan.trainer.losses.region:gradient_l1",
        "hinge": "ecgan.trainer.losses.hinge:hinge_generator",
        "feature-matching": "ecgan.trainer.losses.hinge:feature_matching",
    },
)

__all__ = ["LOSSES"]
