"""Typed access to fields."""

import numpy as np
import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.caffe.message import Field, Message, Origin, Word


def message(*values, text=True):
    origin = Origin("a", b"\n" * 10 if text else None)
    fields = [Field("v", Word(v) if text else v, 3) for v in values]
    return Message("?", origin, 1, fields)


@pytest.mark.parametrize(("word", "value"), [("7", 7), ("-7", -7), ("+0", 0), ("0x1F", 31)])
def test_integers(word, value):
    assert message(word).integer("v", 0) == value
    assert message(word).integers("v") == (value,)


@pytest.mark.parametrize("word", ["", "1.5", "x", "1e3", "2147483648", "9" * 30, "--1", "true"])
def test_what_is_no_integer(word):
    with pytest.raises(FormatError, match=r"a, line 4: found v: .*whole number"):
        message(word).integer("v", 0)


def test_bounds_and_defaults():
    assert message().integer("v", 5) == 5
    with pytest.raises(FormatError, match="from 1 to 2147483647"):
        message("0").integer("v", 5, 1)
    assert message("1", "2").integer("v", 5) == 2


@pytest.mark.parametrize(
    ("word", "value"), [("1", 1), ("-.5", -0.5), ("1.f", 1), ("1e-5", 1e-5), ("2E3f", 2000)]
)
def test_numbers(word, value):
    assert message(word).number("v", 0) == value


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "1e999", "1e39", "x", "0x1", "1.2.3", ""])
def test_what_is_no_finite_number(word):
    with pytest.raises(FormatError, match=r"a (finite )?number"):
        message(word).number("v", 0)


def test_numbers_that_may_be_anything():
    found = message("nan", "inf", "-Infinity").numbers("v", finite=False)
    np.testing.assert_array_equal(found, [np.nan, np.inf, -np.inf])


def test_binary_values():
    found = message(5, -1, text=False)
    assert found.integers("v") == (5, -1)
    packed = message(np.asarray([1, 2]), 3, text=False)
    assert packed.integers("v") == packed.numbers("v") == (1, 2, 3)
    assert packed.integer("v", 0) == 3
    assert message(np.asarray([4, 9]), text=False).integer("v", 0) == 9
    with pytest.raises(FormatError, match="a, byte 3: "):
        message("text", text=False).number("v", 0)


def test_switches():
    assert [message(w).switch("v", None) for w in ("true", "t", "1")] == [True] * 3
    assert [message(w).switch("v", None) for w in ("false", "f", "0")] == [False] * 3
    assert message(2, text=False).switch("v", False)
    assert message().switch("v", True)
    with pytest.raises(FormatError, match="true or false"):
        message("yes").switch("v", True)


def test_choices():
    choices = {"MAX": 0, "AVE": 1}
    assert message("AVE").choice("v", choices, "MAX") == "AVE"
    assert message("1").choice("v", choices, "MAX") == "AVE"
    assert message(1, text=False).choice("v", choices, "MAX") == "AVE"
    assert message().choice("v", choices, "MAX") == "MAX"
    for odd in ("MIN", "2", "max"):
        with pytest.raises(FormatError, match="one of MAX, AVE"):
            message(odd).choice("v", choices, "MAX")


def test_text_is_quoted():
    assert message("a", text=False).text("v") == "a"
    with pytest.raises(FormatError, match="text in quotes"):
        message("a").text("v")


def test_messages_merge():
    origin = Origin("a", b"")
    parts = [Message("?", origin, 0, [Field("k", Word(str(n)), 0)]) for n in (1, 2)]
    outer = Message("LayerParameter", origin, 0, [Field("relu_param", p, 0) for p in parts])
    assert outer.message("relu_param").integers("k") == (1, 2)
    assert outer.message("elu_param").kind == "ELUParameter"
    with pytest.raises(FormatError, match=r"expected v \{ \}"):
        message("5").message("v")
