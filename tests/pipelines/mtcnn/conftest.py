"""Detectors built from the parameters of a golden file, each made once."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zqcnn_xp.errors import TrailingWeightsWarning
from zqcnn_xp.pipelines.mtcnn import MTCNN

Build = Callable[..., MTCNN]


def golden(shared_data: Path, variant: str, image: str) -> dict[str, Any]:
    file = shared_data / "golden" / "mtcnn" / f"mtcnn_{variant}_{image}.json"
    return json.loads(file.read_text())  # type: ignore[no-any-return]


def boxes_of(rows: list[dict[str, Any]]) -> np.ndarray:
    return np.array([[r[k] for k in ("x1", "y1", "x2", "y2")] for r in rows]).reshape(-1, 4)


@pytest.fixture(scope="session")
def build(shared_data: Path) -> Build:
    """Return a function (variant, backend, **changes) -> detector."""

    @cache
    def made(variant: str, backend: str, changes: tuple[tuple[str, Any], ...]) -> MTCNN:
        given = golden(shared_data, variant, "4")["params"]

        def files(name: str) -> tuple[Path, Path] | None:
            model, weights = given[name]
            folder = shared_data / "zqcnn"
            return (
                None
                if model == "-"
                else (folder / f"{model}.zqparams", folder / f"{weights}.nchwbin")
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
        }
        with warnings.catch_warnings():
            # Two of the networks have layers commented out, whose weights remain.
            warnings.simplefilter("ignore", TrailingWeightsWarning)
            return MTCNN(
                *(files(n) for n in ("pnet", "rnet", "onet", "lnet")),
                backend=backend,
                **(options | dict(changes)),
            )

    return lambda variant, backend="numpy", **changes: made(
        variant, backend, tuple(sorted(changes.items()))
    )
