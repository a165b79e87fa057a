"""The package's names are there, and cost nothing before they are used."""

from __future__ import annotations

import subprocess
import sys

import zqcnn_xp.gallery as package


def test_every_name_is_there():
    homes = [name for names in package._HOME.values() for name in names]
    assert sorted(homes) == sorted(package.__all__)
    for module, names in package._HOME.items():
        assert module not in names
        for name in names:
            assert getattr(package, name).__module__.startswith("zqcnn_xp.gallery."), name
            assert name in dir(package)


def test_importing_it_imports_no_numpy():
    code = "import sys, zqcnn_xp.gallery; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
