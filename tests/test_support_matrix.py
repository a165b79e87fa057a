"""The page of what is supported is current, and says what the registries say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from zqcnn_xp.formats import list_formats

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location(
        "support_matrix", ROOT / "tests" / "tools" / "support_matrix.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(tool):
    found = tool.TARGET.read_text(encoding="utf-8")
    assert found == tool.page(), "run: python tests/tools/support_matrix.py"


def test_every_format_is_a_column(tool):
    assert {name.lower() for name in tool.READ} == set(list_formats()) - {"safetensors"}


def test_the_tables_say_what_is_known(tool):
    text = tool.page()
    lines = {line.split("|")[1].strip(): line for line in text.splitlines() if line[:1] == "|"}
    assert "`GroupConvolution`" in lines["**GroupConvolution**"]
    reads, writes, runs = text.split("## ")[1:]
    assert reads.count("`Convolution`") >= 4
    (row,) = (line for line in writes.splitlines() if line.startswith("| `DetectionOutput`"))
    assert row.split("|")[3].strip() == "", "ONNX has no such op"
    rows = {
        line.split("|")[1].strip(): line.split("|")[2:6]
        for line in runs.splitlines()
        if "`" in line
    }
    assert [cell.strip() for cell in rows["`Transpose`"]] == ["reference"] * 4
    assert rows["`Conv2D`"][0].strip() in ("kernel", "kernel or reference")
    assert rows["`Conv2D`"][3].strip() == "reference"
    assert [cell.strip() for cell in rows["`DetectionOutput`"]] == ["host"] * 4
