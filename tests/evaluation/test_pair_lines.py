"""Fields, numbers and paths of lists of pairs."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation.pair_lines import collected, fields, number, path_within


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a\tb c\t1", ["a", "b c", "1"]),
        ("a, b ,1", ["a", "b", "1"]),
        ("a,b\tc,d", ["a,b", "c,d"]),
        ("  a  b ", ["a", "b"]),
        ("a,b,", ["a", "b", ""]),
        ("", []),
    ],
)
def test_fields(line, expected):
    assert fields(line) == expected


def test_numbers():
    assert [number(text) for text in ("7", "007", "9999999", "10000000", "٣", "")] == [
        7, 7, 9999999, None, None, None,
    ]  # fmt: skip
    assert number("0", 0) == 0
    assert number("9" * 5000) is None


@pytest.mark.parametrize("text", ["/a", "../a", "a/../../b", "", "a\0", "c:\\a", "\\a"])
def test_paths_that_lead_out(text):
    with pytest.raises(DatasetError, match="list, line 3: found the path"):
        path_within("list", 3, text)


def test_pairs_of_names():
    found = collected("f", [("a", "b", True), ("b", "c", False)], np.array([0, 1]))
    assert found.names == ("a", "b", "c")
    assert found.left.tolist() == [0, 1]
    assert found.right.tolist() == [1, 2]
    assert found.same.tolist() == [True, False]
