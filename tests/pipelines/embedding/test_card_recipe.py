"""Recipes of the model cards."""

from __future__ import annotations

import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.embedding import recipe_of
from zqcnn_xp_models import list_models, load_card


def test_every_face_recognition_card_has_a_recipe():
    cards = [card for card in list_models() if card.task == "face recognition"]
    assert len(cards) >= 9
    for card in cards:
        recipe = recipe_of(card)
        assert recipe.template in ("arcface", "sphereface", "lightcnn")
        assert recipe.output, card.name
    light = recipe_of(load_card("lightcnn-9"))
    assert (light.size, light.color, light.channels) == ((128, 128), "gray", 1)


def test_other_cards_have_none():
    with pytest.raises(InputError, match="'yunet' for face detection"):
        recipe_of(load_card("yunet"))
