"""What `import zqcnn_xp` costs and does: little, and nothing."""

from __future__ import annotations

import os
import subprocess
import sys

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
        timeout=120,
        cwd=cwd,
        env={**os.environ, **environ},
    )


def test_import_is_quick():
    """The cumulative figure of -X importtime; the best of some, as the machine is shared."""

    def once():
        lines = run("-X", "importtime", "-c", "import zqcnn_xp").stderr.splitlines()
        (line,) = (text for text in lines if text.endswith("| zqcnn_xp"))
        return int(line.split("|")[1]) / 1e6

    best = once()
    for _ in range(4):
        if best < 0.2:
            break
        best = min(best, once())
    assert best < 0.2


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
