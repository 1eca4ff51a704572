"""Losses by name: functions of tensors that give a scalar. A new one is one file and one line below.

The first argument is what is judged (a picture, logits, feature maps): the gradient goes there.
"""

from __future__ import annotations

from ecgan.engine.registry import Registry

LOSSES = Registry(
    "loss",
    {
        "reconstruction": "ecgan.trainer.losses.reconstruction:reconstruction",
        "perceptual": "ecgan.trainer.losses.perceptual:perceptual",
        "bce-discriminator": "ecgan.trainer.losses.adversarial:bce_discriminator",
        "bce-generator": "ecgan.trainer.losses.adversarial:bce_generator",
        "region-l1": "ecgan.trainer.losses.region:region_l1",
        "gradient-l1": "ecgan.trainer.losses.region:gradient_l1",
        "logistic-discriminator": "ecgan.trainer.losses.logistic:logistic_discriminator",
        "logistic-generator": "ecgan.trainer.losses.logistic:logistic_generator",
        "feature-matching": "ecgan.trainer.losses.feature_matching:feature_matching",
    },
)

__all__ = ["LOSSES"]
