"""Every example in a public docstring runs and gives what it says."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGES = (
    "zqcnn_xp",
    "zqcnn_xp_numpy",
    "zqcnn_xp_jax",
    "zqcnn_xp_cupy",
    "zqcnn_xp_models",
)
OPTIONAL = ("cupy", "cupyx", "jax", "matplotlib", "IPython", "torch")


def modules():
    """Name every module without importing one."""
    for package in PACKAGES:
        spec = find_spec(package)
        assert spec is not None, f"{package} is not installed"
        yield package
        for folder in spec.submodule_search_locations:
            yield from below(Path(folder), package)


def below(folder, package):
    for found in pkgutil.iter_modules([str(folder)], f"{package}."):
        if found.name.endswith(".__main__"):  # runs the command line when imported
            continue
        yield found.name
        if found.ispkg:
            yield from below(folder / found.name.rpartition(".")[2], found.name)


def missing(error):
    """Say which optional library an error is about, or None."""
    while error is not None:
        name = (getattr(error, "name", None) or "").partition(".")[0]
        if name in OPTIONAL:
            return name
        error = error.__cause__ or error.__context__
    return None


def test_all_packages_are_looked_at():
    found = list(modules())
    assert len(found) == len(set(found)) > 50
    for name in ("zqcnn_xp.session", "zqcnn_xp.ops.conv2d", "zqcnn_xp_numpy.backend"):
        assert name in found


@pytest.mark.parametrize("name", list(modules()))
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in ("BACKEND", "DEVICE", "STRICT", "THREADS"):
        monkeypatch.delenv(f"ZQCNN_XP_{variable}", raising=False)
    try:
        module = import_module(name)
    except ImportError as error:
        library = missing(error)
        if library is None:
            raise
        pytest.skip(f"{library} is not installed")
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        if not test.examples:
            continue
        said: list[str] = []
        runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
        failed, _ = runner.run(test, out=said.append)
        if failed and find_spec("cupy") is None and "cupy" in "".join(said):
            pytest.skip("cupy is not installed")
        assert not failed, "".join(said)
