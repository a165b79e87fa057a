"""Fixtures shared by all tests: the test data folder, a folder for compiled kernels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

# No example has a time limit, which a busy machine would pass. A run has the same examples as the
# one before, so that whoever changes nothing sees no new failure; `--hypothesis-profile=fresh`
# looks for others.
settings.register_profile("same", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("fresh", deadline=None, derandomize=False, print_blob=True)
settings.load_profile("same")


def _module(name: str) -> ModuleType:
    """Import a file by its path: test folders are no packages and not on the path of modules."""
    path = Path(__file__).parent / name
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def counted() -> Any:
    """``work.counted``: a bound of the calls that a block makes, and of its memory."""
    return _module("work.py").counted


@pytest.fixture(scope="session")
def damage() -> ModuleType:
    """The module ``damage``: ways to damage a file, and a judge of readers."""
    return _module("formats/damage.py")


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
