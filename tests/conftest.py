"""Fixtures shared by all tests: the test data folder, a folder for compiled kernels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real model files and golden outputs; skips where it is absent."""
    override = os.environ.get("ZQCNN_XP_TEST_DATA")
    root = Path(override) if override else Path(__file__).parents[2] / "shared" / "data"
    if not root.is_dir():
        if override:
            pytest.fail(f"ZQCNN_XP_TEST_DATA names {override}, which is no folder")
        pytest.skip("test data absent: set ZQCNN_XP_TEST_DATA to its folder")
    return root


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep the kernels that tests compile in pytest's cache, from run to run, not in the user's.

    The environment's folder counts as it does anywhere else; other caches stay as they are.
    """
    import zqcnn_xp_llvm.cache

    held = getattr(request.config, "cache", None)
    if held is None:  # -p no:cacheprovider
        yield
        return
    folder, usual = held.mkdir("zqcnn-xp"), zqcnn_xp_llvm.cache.cache_folder

    def cache_folder(name: str) -> Path:
        return usual(name) if os.environ.get("ZQCNN_XP_CACHE_DIR") else folder / name

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zqcnn_xp_llvm.cache, "cache_folder", cache_folder)
        yield
