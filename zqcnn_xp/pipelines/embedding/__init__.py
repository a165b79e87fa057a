"""Aligned faces to vectors that can be compared."""

from __future__ import annotations

from zqcnn_xp.pipelines.embedding.card_recipe import recipe_of
from zqcnn_xp.pipelines.embedding.embedder import Embedder
from zqcnn_xp.pipelines.embedding.recipe import FLIPS, Recipe
from zqcnn_xp.pipelines.embedding.verification import Verification, verify

__all__ = ["FLIPS", "Embedder", "Recipe", "Verification", "recipe_of", "verify"]
