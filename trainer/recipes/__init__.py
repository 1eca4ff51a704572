"""Recipes by the name of the network they train. A new one is one file here and one line below."""

from __future__ import annotations

from ecgan.engine.registry import Registry

RECIPES = Registry(
    "network",
    {
        "ecgan-fast": "ecgan.trainer.recipes.generator:GeneratorRecipe",
        "segmenter": "ecgan.trainer.recipes.segmenter:SegmenterRecipe",
        "ecgan": "ecgan.trainer.recipes.paper:PaperRecipe",
        "ecgan-baseline": "ecgan.trainer.recipes.paper:BaselineRecipe",
        "expression-judge": "ecgan.trainer.recipes.judge:JudgeRecipe",
    },
)

DEFAULT_NETWORK = "ecgan-fast"

PRESET_NETWORKS = {"paper": "ecgan"}
"""Preset -> the network it stands for where none is named; all others are of the default one."""

__all__ = ["DEFAULT_NETWORK", "PRESET_NETWORKS", "RECIPES"]
