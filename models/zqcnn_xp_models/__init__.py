"""Which models there are, where their files come from, and how they are fed: one card each."""

from zqcnn_xp_models.cards import Card, CardFile, list_models, load_card

__all__ = ["Card", "CardFile", "list_models", "load_card"]
