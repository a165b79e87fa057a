"""Types of arguments: what passes, and what is said of what does not."""

from __future__ import annotations

import argparse

import pytest

from zqcnn_xp.cli.arguments import finite_float, named, parse_shapes, positive_int, probability
from zqcnn_xp.errors import InputError


@pytest.mark.parametrize(
    ("parse", "good", "bad"),
    [
        (positive_int, {"1": 1, "20": 20}, ["0", "-3", "2.5", "x", ""]),
        (finite_float, {"0.5": 0.5, "-1e3": -1000.0}, ["nan", "inf", "-inf", "1,5"]),
        (probability, {"0": 0.0, "0.7": 0.7, "1": 1.0}, ["-0.1", "1.01", "nan", "high"]),
    ],
)
def test_numbers(parse, good, bad):
    for text, value in good.items():
        assert parse(text) == value
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError, match="expected"):
            parse(text)


def test_names_of_inputs():
    assert named(["x.npy"], ["data"], "input") == {"data": "x.npy"}
    assert named(["data=x.npy"], ["data"], "input") == {"data": "x.npy"}
    assert named(["a=b.npy"], ["data"], "input") == {"data": "a=b.npy"}
    assert named(["b=1", "a=2"], ["a", "b"], "input") == {"b": "1", "a": "2"}
    with pytest.raises(InputError, match="one of a, b"):
        named(["x.npy"], ["a", "b"], "input")
    with pytest.raises(InputError, match="given twice"):
        named(["x.npy", "y.npy"], ["data"], "input")


@pytest.mark.parametrize("text", ["1,3,8,8", "1x3x8x8", "data=1,3,8,8", "1, 3, 8, 8"])
def test_shapes(text):
    assert parse_shapes([text], ["data"]) == {"data": (1, 3, 8, 8)}


@pytest.mark.parametrize("text", ["", "1,,3", "1,-3", "a,b", "1.5,2", "1,99999999999999999999"])
def test_wrong_shapes_are_named(text):
    with pytest.raises(InputError, match="expected sizes"):
        parse_shapes([text], ["data"])
