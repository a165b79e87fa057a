"""Whole tasks: an image goes in, faces come out. Names are imported when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zqcnn_xp.pipelines.align import align_faces
    from zqcnn_xp.pipelines.embedding import Embedder, Recipe, Verification, verify
    from zqcnn_xp.pipelines.face_analysis import FaceAnalysis
    from zqcnn_xp.pipelines.faces import Face, Faces
    from zqcnn_xp.pipelines.mtcnn import MTCNN

__all__ = [
    "MTCNN",
    "Embedder",
    "Face",
    "FaceAnalysis",
    "Faces",
    "Recipe",
    "Verification",
    "align_faces",
    "verify",
]

_HOME = {
    "Embedder": "embedding",
    "Face": "faces",
    "FaceAnalysis": "face_analysis",
    "Faces": "faces",
    "MTCNN": "mtcnn",
    "Recipe": "embedding",
    "Verification": "embedding",
    "align_faces": "align",
    "verify": "embedding",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
