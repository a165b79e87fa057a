"""The network, recipe and card that a user means by a name, a path, a session or a graph."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from zqcnn_xp.errors import InputError
from zqcnn_xp.graph import Graph
from zqcnn_xp.pipelines.embedding.card_recipe import recipe_of
from zqcnn_xp.pipelines.embedding.recipe import Recipe
from zqcnn_xp.pipelines.embedding.state import build_from
from zqcnn_xp.registry import get_backend
from zqcnn_xp.session import Session, load

if TYPE_CHECKING:
    from zqcnn_xp.backend import Backend
    from zqcnn_xp_models import Card

__all__ = ["FaceNetwork", "find_face_network"]

_BY_SIZE = {
    (112, 112): "arcface",
    (112, 96): "sphereface",
    (128, 128): "lightcnn",
    (160, 160): "160",
    (256, 256): "dot85",
}
"""What the templates of these sizes are."""


class FaceNetwork(NamedTuple):
    """What an embedder runs.

    Parameters
    ----------
    session
        The network on its backend.
    recipe
        How it is fed.
    card
        Its model card, or None for a network of the user's own.
    """

    session: Session
    recipe: Recipe
    card: Card | None


def find_face_network(
    model: Any,
    weights: Any = None,
    *,
    backend: str | Backend | None = None,
    device: Any = None,
    threads: int | None = None,
    recipe: Recipe | str | None = None,
    options: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> FaceNetwork:
    """Load what embeds faces.

    Parameters
    ----------
    model, weights, backend, device, threads
        As `zqcnn_xp.pipelines.embedding.Embedder` takes them.
    recipe
        How the network is fed: a `Recipe`, the name of a card that says it, or None for the
        model's own card.
    options
        Further arguments of `zqcnn_xp.load`.
    changes
        Values of the recipe that differ.

    Raises
    ------
    InputError
        The model has no recipe and ``changes`` do not make up for it.
    """
    card = _card(model, weights)
    wanted = dict(changes or {})
    further = dict(options or {})
    # Before anything is fetched: a model that embeds no faces is refused by its card.
    if isinstance(recipe, str):
        recipe = recipe_of(_known(recipe))
    elif recipe is None and card is not None:
        recipe = recipe_of(card)
    if recipe is not None and not isinstance(recipe, Recipe):
        raise InputError(f"recipe={recipe!r}: expected a Recipe or a card's name")
    if isinstance(model, Session):
        session = model
        if (backend, device, threads) != (None, None, None):
            raise InputError("found a session with a backend, device or threads; it has its own")
    else:
        made = get_backend(backend, device=device, threads=threads)
        if isinstance(model, Graph):
            session = Session(model, made)
        elif card is not None and not card.files:
            session = Session(build_from(card, weights), made)
        else:
            if card is not None and further.get("compat") is None:
                further["compat"] = card.compat or None
            session = load(model, weights, backend=made, **further)
    if recipe is None:
        recipe = _guessed(session, wanted)
    return FaceNetwork(session, _checked(recipe.changed(**wanted), session), card)


def _card(model: Any, weights: Any) -> Card | None:
    """Return the card that a model names, or whose files it is, whatever they are called."""
    from zqcnn_xp_models.by_files import find_card
    from zqcnn_xp_models.cards import card_names, load_card

    if not isinstance(model, str | os.PathLike):
        return None
    if not os.path.lexists(model):
        if isinstance(model, str) and model in card_names():
            return load_card(model)
        if isinstance(model, str) and not _is_path(model):
            raise InputError(_unknown(model, card_names()))
        return None
    if weights is not None and not isinstance(weights, str | os.PathLike):
        return None
    card = find_card(model, weights)
    # Networks for other tasks may be fed faces all the same, by a recipe of the user's own.
    return card if card is not None and card.task == "face recognition" else None


def _known(name: str) -> Card:
    from zqcnn_xp_models import load_card

    return load_card(name)


def _is_path(model: str) -> bool:
    """Whether a name has a folder or the end of a file's name; versions are no such ends."""
    end = PurePath(model).suffix[1:]
    return "/" in model or os.sep in model or end[:1].isalpha()


def _unknown(model: str, names: list[str]) -> str:
    """Say that there is no such model, and which names are near."""
    near = get_close_matches(model.lower(), names, n=3, cutoff=0.5)
    hint = f" (near: {', '.join(near)})" if near else ""
    return (
        f"found model {model!r}, expected the path of a file or the name of a model card{hint}; "
        "zqcnn-xp models list names them all"
    )


def _guessed(session: Session, wanted: Mapping[str, Any]) -> Recipe:
    """Take from a network what its input says; the rest nobody can know."""
    shape = session.input_shape
    missing = [name for name in ("color", "mean", "scale") if name not in wanted]
    if missing:
        raise InputError(
            f"found no recipe for {session.graph.name or 'this network'}: give "
            f"{', '.join(f'{name}=' for name in missing)} (or recipe=, a Recipe or a card's name)"
        )
    size = wanted.get("size")
    if size is None and len(shape) == 4 and None not in shape[2:]:
        size = tuple(reversed(shape[2:])) if wanted.get("transposed") else shape[2:]
    if size is None:
        raise InputError("found a network that takes any size: give size=(height, width)")
    template = wanted.get("template", _BY_SIZE.get(tuple(size), ""))
    return Recipe(
        template=template, size=size, **{n: wanted[n] for n in ("color", "mean", "scale")}
    )


def _checked(recipe: Recipe, session: Session) -> Recipe:
    """Refuse a recipe that the network's input or outputs do not admit."""
    if len(session.graph.inputs) != 1:
        raise InputError(f"found {len(session.graph.inputs)} inputs, expected one, for images")
    session.graph.inputs[0].check((1, *recipe.shape))
    if recipe.output:
        session.graph.value(recipe.output)
    elif len(session.graph.outputs) != 1:
        names = ", ".join(session.graph.outputs)
        raise InputError(f"found outputs {names}: give output=, the one that is the embedding")
    return recipe
