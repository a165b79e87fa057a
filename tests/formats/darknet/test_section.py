"""Typed access to the options of a section."""

import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.darknet.section import Option, Section


def section(**options):
    found = {k: Option(v, 10 + n) for n, (k, v) in enumerate(options.items())}
    return Section("a.cfg", 7, "maxpool", 3, found)


def test_names_and_places():
    assert section().name == "maxpool_3"
    assert Section("a", 1, "net", -1).name == "net"
    assert str(section().error("x", "y")) == "a.cfg, line 7, [maxpool]: found x, expected y"
    assert "line 11" in str(section(a="1", b="2").error("x", "y", "b"))


def test_numbers():
    made = section(a="3", b="-2.000", c=".5", d="1,2,3,", e="4e-5", f="0.1,2")
    assert (made.integer("a"), made.integer("b"), made.integer("no", 9)) == (3, -2, 9)
    assert (made.number("c", 0), made.number("e", 0), made.number("no", 1.5)) == (0.5, 4e-5, 1.5)
    assert made.integers("d") == (1, 2, 3)
    assert made.numbers("f") == (0.1, 2.0)
    assert made.text("a", "") == "3"
    assert made.text("no", "default") == "default"


@pytest.mark.parametrize(
    "text", ["", "x", "1.5", "0x10", "99999999999", "nan", "2147483648", "1e3", "--1", "1" * 400]
)
def test_what_is_no_whole_number(text):
    with pytest.raises(FormatError, match=r"line 10, \[maxpool\]: found a="):
        section(a=text).integer("a")


@pytest.mark.parametrize("text", ["", "nan", "inf", "1e999", "1,2", "x", "9" * 400])
def test_what_is_no_number(text):
    with pytest.raises(FormatError, match="expected a number"):
        section(a=text).number("a", 0)


def test_bounds_and_absence():
    with pytest.raises(FormatError, match="from 1 to 8"):
        section(a="9").integer("a", low=1, high=8)
    with pytest.raises(FormatError, match="no 'a'"):
        section().integer("a")
    with pytest.raises(FormatError, match="no 'a'"):
        section().numbers("a")
    with pytest.raises(FormatError, match="more than 10,000 values"):
        section(a="1," * 20000).integers("a")
    with pytest.raises(FormatError, match="a=, expected"):
        section(a="1,,2").integers("a")
