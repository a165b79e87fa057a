"""Arguments that say where features, and the identities of their images, come from."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import positive_int
from zqcnn_xp.errors import DatasetError, InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zqcnn_xp.evaluation.feature_files import FeatureSet
    from zqcnn_xp.gallery.rows import Rows

__all__ = ["add_features", "add_labels", "given_features", "labelled_features"]


def add_features(parser: argparse.ArgumentParser) -> None:
    """Add what chooses features within a file."""
    group = parser.add_argument_group("features")
    group.add_argument(
        "--key",
        metavar="NAME",
        help="array of the features; default: features, feat, embeddings, or the only matrix",
    )
    group.add_argument(
        "--flip",
        choices=("none", "sum", "concatenate"),
        default="none",
        help="join the features of mirrored images, which an .npz holds as 'flip' (default: none)",
    )
    group.add_argument(
        "--format",
        choices=("zqcnn", "zqcnn-compact", "imgfeat", "npy", "npz", "parquet"),
        help="format of a file whose suffix does not say it",
    )
    group.add_argument(
        "--names", type=Path, metavar="FILE", help="text with one image's name a line"
    )


def add_labels(parser: argparse.ArgumentParser) -> None:
    """Add what says whose the images are."""
    group = parser.add_argument_group("identities").add_mutually_exclusive_group()
    group.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help=".npy of integers or texts, or a text file with one label a line; default: what the "
        "features' file says, else the folder of each image",
    )
    group.add_argument(
        "--images-per-identity",
        type=positive_int,
        metavar="M",
        help="every M rows are one identity, as in sets of N identities x M images",
    )


def given_features(args: argparse.Namespace, path: Path) -> FeatureSet:
    """Read the features that the arguments name."""
    from dataclasses import replace

    from zqcnn_xp.evaluation.feature_files import read_features, read_names

    found = read_features(path, key=args.key, flip=args.flip, format=args.format)
    if args.names is None:
        return found
    names, n = read_names(args.names), found.features.shape[0]
    if len(names) != n:
        raise DatasetError(str(args.names), "", f"{len(names):,} lines", f"{n:,}, one a feature")
    return replace(found, names=names)


def labelled_features(
    args: argparse.Namespace, path: Path
) -> tuple[NDArray[Any] | Rows, NDArray[np.int64], tuple[str, ...] | None]:
    """Return features, the identity of each, and their names if they have any.

    Raises
    ------
    InputError
        If nothing says whose they are.
    """
    import numpy as np

    from zqcnn_xp.evaluation.feature_files import folder_labels, read_labels

    found = given_features(args, path)
    n = found.features.shape[0]
    if args.labels is not None:
        labels = read_labels(args.labels)
        if len(labels) != n:
            expected = f"{n:,}, one a feature"
            raise DatasetError(str(args.labels), "", f"{len(labels):,} labels", expected)
        return found.features, labels, found.names
    if args.images_per_identity is not None:
        each = args.images_per_identity
        if n % each:
            msg = f"--images-per-identity {each}: found {n:,} features, expected a multiple of it"
            raise InputError(msg)
        return found.features, np.arange(n) // each, found.names
    if found.labels is not None:
        return found.features, found.labels, found.names
    by_folder = None if found.names is None else folder_labels(found.names)
    if by_folder is None:
        msg = f"{path}: found features without identities, expected --labels, --images-per-identity"
        raise InputError(f"{msg}, an array 'labels', or names with folders")
    return found.features, by_folder, found.names
