"""Galleries: many features, kept and searched. Names are imported when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zqcnn_xp.gallery.clustering import Clusters, cluster
    from zqcnn_xp.gallery.duplicates import find_duplicates, find_repeated_people
    from zqcnn_xp.gallery.gallery import Gallery
    from zqcnn_xp.gallery.identities import Candidate, Identities
    from zqcnn_xp.gallery.labelled import Labelled
    from zqcnn_xp.gallery.origin import Origin
    from zqcnn_xp.gallery.outliers import find_mislabelled, find_outliers
    from zqcnn_xp.gallery.photos import embed_photos, find_photos
    from zqcnn_xp.gallery.pivots import find_pivots
    from zqcnn_xp.gallery.rows import ArrayRows, Rows, as_rows, decoded, quantize
    from zqcnn_xp.gallery.store import Store
    from zqcnn_xp.gallery.subset import consistent_subset, random_subset
    from zqcnn_xp.gallery.worst_pairs import find_worst_pairs

__all__ = [
    "ArrayRows",
    "Candidate",
    "Clusters",
    "Gallery",
    "Identities",
    "Labelled",
    "Origin",
    "Rows",
    "Store",
    "as_rows",
    "cluster",
    "consistent_subset",
    "decoded",
    "embed_photos",
    "find_duplicates",
    "find_mislabelled",
    "find_outliers",
    "find_photos",
    "find_pivots",
    "find_repeated_people",
    "find_worst_pairs",
    "quantize",
    "random_subset",
]

# Where each name is; none may be called as its module is, which would hide it.
_HOME = {
    "clustering": ("Clusters", "cluster"),
    "duplicates": ("find_duplicates", "find_repeated_people"),
    "gallery": ("Gallery",),
    "identities": ("Candidate", "Identities"),
    "labelled": ("Labelled",),
    "origin": ("Origin",),
    "outliers": ("find_mislabelled", "find_outliers"),
    "photos": ("embed_photos", "find_photos"),
    "pivots": ("find_pivots",),
    "rows": ("ArrayRows", "Rows", "as_rows", "decoded", "quantize"),
    "store": ("Store",),
    "subset": ("consistent_subset", "random_subset"),
    "worst_pairs": ("find_worst_pairs",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
