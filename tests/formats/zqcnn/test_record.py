"""Typed access to the keys of one line."""

import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.zqcnn.record import Record


def record(*fields):
    return Record("net", 7, "Pooling", fields)


@pytest.mark.parametrize(
    ("text", "value"),
    [("24", 24), ("24.000000", 24), ("24.", 24), ("+3", 3), ("0", 0), ("2147483647", 2**31 - 1)],
)
def test_whole_numbers(text, value):
    assert record(("k", text)).integer("k") == value


@pytest.mark.parametrize(
    "text",
    ["", "x", "1x", "1.5", "1e3", "nan", "inf", "0x10", "--1", "1 ", "٣", "9" * 5000, None],
)
def test_what_is_no_whole_number(text):
    with pytest.raises(FormatError, match=r"line 7: found ('k' without|k=).*expected") as caught:
        record(("k", text)).integer("k")
    assert caught.value.where == "line 7"


@pytest.mark.parametrize(("text", "low"), [("-1", 0), ("0", 1), ("2147483648", 0), ("-5", -4)])
def test_ranges(text, low):
    with pytest.raises(FormatError, match=f"k={text}, expected a whole number from {low} to"):
        record(("k", text)).integer("k", low=low)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.5", 0.5), (".5", 0.5), ("5.", 5), ("-1e-10", -1e-10), ("2E+3", 2000), ("0.1f", 0.1)],
)
def test_numbers(text, value):
    assert record(("k", text)).number("k") == value


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "1e999", "1_0", "0x1p3", "1,5", "."])
def test_what_is_no_number(text):
    with pytest.raises(FormatError, match="expected a number"):
        record(("k", text)).number("k")


def test_defaults_and_absence():
    assert record().integer("k", 5) == 5
    assert record().integer("k", -1, low=-1) == -1
    assert record().number("k", 1e-10) == 1e-10
    assert record().text("k", "d") == "d"
    with pytest.raises(FormatError, match="Pooling without 'k', expected k=<value>"):
        record().integer("k")


@pytest.mark.parametrize(
    ("value", "expected"), [(None, True), ("1", True), ("0", False), ("0.0", False), ("-1", True)]
)
def test_switches(value, expected):
    assert record(("bias", value)).switch("bias") is expected
    assert record().switch("bias", expected) is expected


def test_repeated_keys():
    found = record(("order", "0"), ("v", "0.5"), ("order", "-2"), ("v", "1"))
    assert found.integers("order") == (0, -2)
    assert found.numbers("v") == (0.5, 1.0)


def test_a_bottom_without_a_name():
    with pytest.raises(FormatError, match="'bottom' without a value"):
        _ = record(("bottom", None)).bottoms
