"""The shared MobileFaceNet, and aligned faces of real people."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from zqcnn_xp.pipelines.embedding import Embedder
from zqcnn_xp.vision.io import read_image


class Golden(NamedTuple):
    """Names of all LFW images, and their embeddings, plain and mirrored."""

    files: list[str]
    feat: np.ndarray
    flip: np.ndarray


@pytest.fixture(scope="session")
def mobilefacenet_files(shared_data: Path) -> tuple[Path, Path]:
    """The official checkpoint: symbol and parameters."""
    folder = shared_data / "mxnet" / "mobilefacenet"
    return folder / "model-symbol.json", folder / "model-0000.params"


@pytest.fixture(scope="session")
def mobilefacenet(mobilefacenet_files: tuple[Path, Path]) -> Embedder:
    """The official checkpoint on NumPy, as its card feeds it."""
    return Embedder(*mobilefacenet_files, backend="numpy", threads=1, recipe="mobilefacenet-mxnet")


@pytest.fixture(scope="session")
def golden(shared_data: Path) -> Golden:
    with np.load(shared_data / "golden" / "lfw_mobilefacenet_features.npz") as file:
        return Golden([str(name) for name in file["files"]], file["feat"], file["flip"])


@pytest.fixture(scope="session")
def lfw_crops(shared_data: Path):
    """A function from names to (n, 112, 112, 3) RGB crops."""

    def read(names: Iterable[str]) -> np.ndarray:
        with zipfile.ZipFile(shared_data / "lfw" / "lfw-112x112.zip") as archive:
            return np.stack([read_image(archive.read(name)) for name in names])

    return read
