"""Recipes by the name of the network they train. A new one is one file here and one line below."""

from __future__ import annotations

from ecgan.engine.registry import Registry

RECIPES = Registry(
    "network",
    {
        "ecgan": "ecgan.trainer.recipes.paper:PaperRecipe",
        "ecgan-baseline": "ecgan.trainer.recipes.paper:BaselineRecipe",
    },
)

__all__ = ["RECIPES"]
