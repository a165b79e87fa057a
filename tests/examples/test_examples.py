"""Examples and documentation run as they stand."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
# Files and variables that a reader of the documentation has, and a test has not.
OF_THE_READER = re.compile(
    r"photo\.jpg|faces\.json|found\.(items|values)|\.(pth|safetensors|zqparams)|image_bgr|\+SKIP"
    r"|\(x[,)]"
)


def photo() -> Path:
    """The public-domain portrait that scikit-image carries."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        pytest.skip("scikit-image, whose photo the examples use, is not installed")
    return Path(spec.origin).parent / "data" / "astronaut.png"


def test_script(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "feature_maps.py"), str(photo())],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "backend='" in done.stdout
    assert (tmp_path / "maps.png").stat().st_size > 1000
    assert (tmp_path / "faces.png").stat().st_size > 1000


# Jupyter's own machinery warns about its event loop and its migration; not ours to mend.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.ipynb")), ids=lambda p: p.name)
def test_notebook(path, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    photo()
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit it without outputs"
    client = nbclient.NotebookClient(
        notebook,
        timeout=240,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    shown = [
        out.data for cell in notebook.cells for out in cell.get("outputs", []) if "data" in out
    ]
    figures = [data for data in shown if data.get("text/plain", "").startswith("<Figure")]
    assert all("image/png" in data for data in figures), "a figure is named instead of drawn"


# As above: of Jupyter's own machinery.
@pytest.mark.filterwarnings("ignore")
def test_choosing_a_threshold_of_few_photos(tmp_path, monkeypatch):
    """A set of one's own may be too small for a rate, which is said; folders are the persons."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    random = np.random.default_rng(0)
    features = random.normal(size=(8, 1, 16)) + 0.3 * random.normal(size=(8, 4, 16))
    names = [f"set/{person}/{photo}.jpg" for person in range(8) for photo in range(4)]
    np.savez(tmp_path / "own.npz", files=names, feat=features.reshape(32, 16))
    monkeypatch.setenv("FEATURES", str(tmp_path / "own.npz"))
    notebook = nbformat.read(ROOT / "examples" / "choosing_a_threshold.ipynb", as_version=4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=240,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    text = "".join(out.get("text", "") for c in notebook.cells for out in c.get("outputs", []))
    # All pairs: 8 persons of 4 photos have 6 pairs each, and 32 * 31 / 2 - 48 are of two persons.
    assert "48 pairs of one person, 448 of two persons" in text
    assert "FAR 1e-06: this set has too few pairs" in text


def test_tour_needs_only_the_extras_it_names():
    """The portrait of the extra ``demo`` will do: scikit-image is no part of it."""
    text = (ROOT / "examples" / "tour.ipynb").read_text(encoding="utf-8")
    assert "zqcnn-xp[notebook,demo]" in text
    assert not re.search(r"(from|import) skimage", text)


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: p.name
)
def test_documentation(path, tmp_path, monkeypatch):
    """Python blocks compile; those that need no files of a reader's own also run."""
    monkeypatch.chdir(tmp_path)  # some write files
    for block in FENCE.findall(path.read_text(encoding="utf-8")):
        code = compile(block, str(path), "exec")
        if not OF_THE_READER.search(block):
            exec(code, {})
