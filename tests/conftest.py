"""Fixtures shared by all tests: the test data folder, and every array namespace there is."""

from __future__ import annotations

import os
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
