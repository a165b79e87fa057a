"""The example of a third-party backend: found by its entry point, and conforming."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("torch")

FOLDER = Path(__file__).parents[2] / "examples" / "plugin_backend"
PROJECT = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def installed(tmp_path):
    """The plugin as pip leaves it: importable, with the metadata that pyproject.toml declares."""
    name, version = PROJECT["name"].replace("-", "_"), PROJECT["version"]
    info = tmp_path / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {PROJECT['name']}\nVersion: {version}\n"
    )
    lines = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items())
        for group, points in PROJECT["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    path = os.pathsep.join([str(tmp_path), str(FOLDER), os.environ.get("PYTHONPATH", "")])

    def run(code):
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_it_is_found_and_conforms(installed):
    done = installed(
        "from zqcnn_xp import get_backend\n"
        "from zqcnn_xp.testing import check_backend\n"
        "print(check_backend(get_backend('torch', device='cpu')))"
    )
    assert done.returncode == 0, done.stderr
    assert "TorchBackend" in done.stdout
    assert "kernel: " in done.stdout
    assert "skipped" not in done.stdout


def test_listing_it_does_not_import_torch(installed):
    done = installed(
        "import sys\n"
        "from zqcnn_xp_torch import TorchBackend\n"
        "assert TorchBackend.auto_score()[0] == 0\n"
        "assert 'torch' not in sys.modules"
    )
    assert done.returncode == 0, done.stderr


def test_its_devices(installed):
    done = installed(
        "from zqcnn_xp import BackendUnavailable, InputError, get_backend, list_backends\n"
        "(found,) = [b.availability for b in list_backends() if b.name == 'torch']\n"
        "assert found.ready and found.devices[0] == 'cpu', found\n"
        "for device, error in (('cuda:99', BackendUnavailable), ('disk', InputError)):\n"
        "    try:\n"
        "        get_backend('torch', device=device)\n"
        "    except error as caught:\n"
        "        assert device in str(caught), caught\n"
        "    else:\n"
        "        raise SystemExit(f'{device} was taken')"
    )
    assert done.returncode == 0, done.stderr


def test_without_torch_the_pip_command_is_given(installed):
    done = installed(
        "import sys; sys.modules['torch'] = None\n"
        "from zqcnn_xp import get_backend\n"
        "from zqcnn_xp_torch import TorchBackend\n"
        "assert TorchBackend.probe().pip == 'pip install torch'\n"
        "get_backend('torch')"
    )
    assert done.returncode == 1
    assert "BackendUnavailable" in done.stderr
    assert "pip install torch" in done.stderr
