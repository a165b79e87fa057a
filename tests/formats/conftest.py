"""What the tests of all formats share."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def damage():
    """The module ``damage``: ways to damage a file, and a judge of readers."""
    # By its path: test folders are no packages and not on the path of modules.
    spec = spec_from_file_location("damage", Path(__file__).with_name("damage.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
