"""What `import zqcnn_xp` costs and does: little, and nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import zqcnn_xp

HEAVY = (
    *("numpy", "jax", "jaxlib", "cupy", "torch", "cv2", "onnx", "PIL", "rich", "google"),
    *("llvmlite", "scipy", "matplotlib", "pyarrow", "faiss", "usearch", "filelock"),
)


def run(*args, cwd=None, **environ):
    return subprocess.run(
        [sys.executable, *args],
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
        cwd=cwd,
        env={**os.environ, **environ},
    )


def test_import_is_little_work():
    """How long it takes is measured by ``tests/benchmarks/cold.py``; calls are the same anywhere.

    One file of ours and a few of the standard library: 30 modules and 3,500 calls on Python 3.11.
    """
    code = (
        "import sys; from work import counted; before = set(sys.modules)\n"
        "with counted() as work: import zqcnn_xp\n"
        "new = sorted(set(sys.modules) - before); "
        "print(work.calls, len(new), *(m for m in new if m.split('.')[0] not in "
        "sys.stdlib_module_names))"
    )
    calls, modules, *others = run("-c", code, PYTHONPATH=str(Path(__file__).parent)).stdout.split()
    assert int(calls) < 15_000
    assert int(modules) < 80
    assert others == ["zqcnn_xp"]


def test_import_loads_no_array_library():
    code = f"import sys, zqcnn_xp; print([m for m in {HEAVY} if m in sys.modules])"
    assert run("-c", code).stdout.strip() == "[]"


def test_a_session_on_numpy_loads_no_other_library():
    code = (
        "import sys, zqcnn_xp, zqcnn_xp.session, zqcnn_xp.ops; zqcnn_xp.get_backend('numpy'); "
        f"print([m for m in {HEAVY[1:]} if m in sys.modules])"
    )
    assert run("-c", code).stdout.strip() == "[]"


def test_choosing_automatically_loads_no_other_library(tmp_path):
    heavy = tuple(m for m in HEAVY if m not in ("numpy", "cupy", "llvmlite"))
    code = (
        "import sys, zqcnn_xp; assert zqcnn_xp.get_backend('auto'); "
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    chosen = run("-c", "import zqcnn_xp; print(zqcnn_xp.get_backend('auto').name)", cwd=tmp_path)
    if chosen.stdout.strip() not in ("numpy", "llvm"):
        pytest.skip("this machine has an accelerator, whose library has to be loaded")
    assert run("-c", code, cwd=tmp_path).stdout.strip() == "[]"


def test_import_writes_nothing(tmp_path):
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    home.mkdir()
    run(
        "-B",
        "-c",
        "import zqcnn_xp; zqcnn_xp.get_backend('numpy'); zqcnn_xp.device_report('numpy')",
        cwd=work,
        HOME=str(home),
        XDG_CACHE_HOME=str(home / "cache"),
        XDG_CONFIG_HOME=str(home / "config"),
        TMPDIR=str(home),
    )
    assert list(work.iterdir()) == []
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("name", zqcnn_xp.__all__)
def test_every_public_name_can_be_had(name):
    assert getattr(zqcnn_xp, name) is not None


def test_every_public_name_is_listed():
    assert set(zqcnn_xp.__all__) <= set(dir(zqcnn_xp))
    assert set(zqcnn_xp._HOME) == set(zqcnn_xp.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = zqcnn_xp.nothing


def test_the_version_is_the_installed_one():
    from importlib.metadata import version

    assert zqcnn_xp.__version__ == version("zqcnn-xp")
