"""Small vision networks on any array backend, and face detection on top of them.

>>> import zqcnn_xp
>>> zqcnn_xp.get_backend("numpy").name
'numpy'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zqcnn_xp.backend import Backend
    from zqcnn_xp.config import using
    from zqcnn_xp.errors import (
        BackendUnavailable,
        ConfigError,
        DatasetError,
        FormatError,
        GraphError,
        ImageError,
        InputError,
        PackageMissing,
        ShapeError,
        StoreError,
        StoreLocked,
        ZqcnnError,
    )
    from zqcnn_xp.gallery import Gallery, Store
    from zqcnn_xp.graph import Graph
    from zqcnn_xp.pipelines import MTCNN, FaceAnalysis, Faces
    from zqcnn_xp.pipelines.align import align_faces
    from zqcnn_xp.pipelines.embedding import Embedder, verify
    from zqcnn_xp.registry import device_report, get_backend, list_backends
    from zqcnn_xp.session import Session, load

__version__ = "0.1.0"

__all__ = [
    "MTCNN",
    "Backend",
    "BackendUnavailable",
    "ConfigError",
    "DatasetError",
    "Embedder",
    "FaceAnalysis",
    "Faces",
    "FormatError",
    "Gallery",
    "Graph",
    "GraphError",
    "ImageError",
    "InputError",
    "PackageMissing",
    "Session",
    "ShapeError",
    "Store",
    "StoreError",
    "StoreLocked",
    "ZqcnnError",
    "align_faces",
    "device_report",
    "get_backend",
    "list_backends",
    "load",
    "using",
    "verify",
]

# Names are imported when first used, so that `import zqcnn_xp` costs next to nothing.
_HOME = {
    "MTCNN": "pipelines",
    "FaceAnalysis": "pipelines",
    "Faces": "pipelines",
    "Backend": "backend",
    "BackendUnavailable": "errors",
    "ConfigError": "errors",
    "DatasetError": "errors",
    "Embedder": "pipelines.embedding",
    "FormatError": "errors",
    "Gallery": "gallery",
    "Graph": "graph",
    "GraphError": "errors",
    "ImageError": "errors",
    "InputError": "errors",
    "PackageMissing": "errors",
    "Session": "session",
    "ShapeError": "errors",
    "Store": "gallery",
    "StoreError": "errors",
    "StoreLocked": "errors",
    "ZqcnnError": "errors",
    "align_faces": "pipelines.align",
    "device_report": "registry",
    "get_backend": "registry",
    "list_backends": "registry",
    "load": "session",
    "using": "config",
    "verify": "pipelines.embedding",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        msg = f"module 'zqcnn_xp' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"zqcnn_xp.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
