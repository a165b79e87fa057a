"""Features of the images of pairs: made by a network, kept in a file, taken from it again."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from zqcnn_xp.cli.embedder import SETTINGS
from zqcnn_xp.cli.evaluations.pair_arguments import make_embedder
from zqcnn_xp.cli.output import note, tracked
from zqcnn_xp.errors import DatasetError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zqcnn_xp.evaluation.images import Crops
    from zqcnn_xp.pipelines.embedding import Embedder

__all__ = ["Features", "embedded", "keep", "kept", "of_crops"]


class Features(NamedTuple):
    """Features by image.

    Parameters
    ----------
    names
        The images.
    plain, mirrored
        (n, d) float32, not scaled; the second is None where it was not made.
    network
        What made them, as plain values; None where nothing says so.
    """

    names: Sequence[str]
    plain: NDArray[Any]
    mirrored: NDArray[Any] | None
    network: dict[str, Any] | None


def network_of(args: argparse.Namespace, embedder: Embedder) -> dict[str, Any]:
    """Return what made features: the network, how it was fed, and where it ran."""
    recipe = embedder.recipe.to_dict()
    del recipe["flip"]  # the report has it
    return {
        "model": embedder.name if embedder.card is not None else " ".join(args.model),
        "backend": embedder.backend.name,
        "recipe": recipe,
    }


def embedded(args: argparse.Namespace, crops: Iterable[Any], total: int, flips: bool) -> Features:
    """Embed crops, with progress; ``names`` are left to the caller."""
    embedder = make_embedder(args, mirrored=flips)
    start = perf_counter()
    rows = embedder.embed(
        tracked(iter(crops), total, "embedding"), normed=False, resize=args.resize
    )
    seconds = perf_counter() - start
    if not len(rows):
        raise DatasetError("images", "", "none that can be used", "some")
    note(
        f"{len(rows):,} images{' and their mirror images' if flips else ''} in {seconds:.1f} s "
        f"({len(rows) / seconds:,.0f} a second) on {embedder.backend.name}"
    )
    half = rows.shape[1] // 2 if flips else rows.shape[1]
    mirrored = rows[:, half:] if flips else None
    return Features((), rows[:, :half], mirrored, network_of(args, embedder))


def keep(path: Path, features: Features) -> None:
    """Write features to an .npz file: ``files``, ``feat``, ``flip``, and what made them."""
    import numpy as np

    from zqcnn_xp.cli.files import writing

    arrays: dict[str, Any] = {"files": np.array(features.names, np.str_), "feat": features.plain}
    if features.mirrored is not None:
        arrays["flip"] = features.mirrored
    if features.network is not None:
        arrays["network"] = np.array(json.dumps(features.network, sort_keys=True))
    with writing(path) as file:
        np.savez(file, **arrays)
    note(f"features written to {path}")


def kept(args: argparse.Namespace, path: Path, flips: bool) -> Features:
    """Read features from an .npz file that `keep` or another program wrote.

    Raises
    ------
    DatasetError
        If the file is damaged, or lacks names or the features of mirrored images.
    InputError
        If another network made them than the one that the command line names, or one that was fed
        otherwise.
    """
    from zqcnn_xp.evaluation.arrays import read_npz
    from zqcnn_xp.evaluation.feature_files import read_features

    found = read_features(path)
    if found.names is None:
        raise DatasetError(str(path), "", "no names of images", "an array 'files'")
    plain, mirrored, network = found.array(), None, None
    if path.suffix.lower() == ".npz":
        if flips:
            width = plain.shape[1]
            mirrored = read_features(path, flip="concatenate").array()[:, width:]
        network = _network(path, read_npz(path).get("network"))
    elif flips:
        raise DatasetError(str(path), "", "features of images as they are", "mirrored ones too")
    if network is not None and args.model and " ".join(args.model) != network.get("model"):
        raise InputError(
            f"{path}: found features of {network.get('model')!r}, expected those of "
            f"{' '.join(args.model)!r}; name another file, or leave --model out"
        )
    _check_recipe(args, path, network)
    note(f"features taken from {path}")
    return Features(found.names, plain, mirrored, network)


def _check_recipe(args: argparse.Namespace, path: Path, network: dict[str, Any] | None) -> None:
    """Refuse features of a network that was fed otherwise than the command line says."""
    recipe = None if network is None else network.get("recipe")
    if not isinstance(recipe, dict):
        return
    for name in SETTINGS:
        asked = getattr(args, name)
        asked = list(asked) if isinstance(asked, tuple) else asked
        if asked is not None and name in recipe and recipe[name] != asked:
            found = f"features made with {name} {recipe[name]!r}"
            raise InputError(
                f"{path}: found {found}, expected {asked!r}; name another file, or leave "
                f"--{name} out"
            )


def _network(path: Path, array: Any) -> dict[str, Any] | None:
    if array is None or array.ndim or array.dtype.kind != "U":
        return None
    try:
        found = json.loads(array.item())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DatasetError(str(path), "network", "text that is no JSON object", "one")
    return found


def of_crops(args: argparse.Namespace, crops: Crops, flips: bool) -> Features:
    """Embed the images of a set; those that are left out are in ``crops.damaged``."""
    features = embedded(args, crops, len(crops), flips)
    return features._replace(names=tuple(crops.found))
