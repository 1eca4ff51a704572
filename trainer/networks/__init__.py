"""Networks by name. A new one is one file here and one line below."""

from __future__ import annotations

from ecgan.engine.registry import Registry

NETWORKS = Registry(
    "network",
    {
        "ecgan-fast": "ecgan.trainer.networks.fast:FastGenerator",
        "segmenter": "ecgan.trainer.networks.segmenter:Segmenter",
        "ecgan": "ecgan.trainer.networks.ecgan:Ecgan",
        "ecgan-baseline": "ecgan.trainer.networks.ecgan:EcganBaseline",
        "expression-judge": "ecgan.trainer.networks.expression_judge:ExpressionJudge",
        "ecgan-disc-whole": "ecgan.trainer.networks.patch_discriminator:WholeDiscriminator",
        "ecgan-disc-mask": "ecgan.trainer.networks.patch_discriminator:MaskDiscriminator",
    },
)

__all__ = ["NETWORKS"]
