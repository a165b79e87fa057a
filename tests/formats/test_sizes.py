import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.sizes import choose_size, fit_size, fits, roundest
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Conv2D, Dense, Flatten


def network(features, size=(None, None)):
    op = Conv2D(2, (3, 3), (2, 2), pads=(1, 1, 1, 1), bias=False)
    nodes = (
        Node("c", op, ("x",), ("c",), {"weight": np.ones((3, 3, 1, 2), np.float32)}),
        Node("f", Flatten(1, form="drop"), ("c",), ("f",)),
        Node("d", Dense(3, False), ("f",), ("d",), {"weight": np.ones((features, 3), np.float32)}),
    )
    nominal = None if None in size else (1, 1, *size)
    return Graph((GraphInput("x", (None, 1, *size), nominal),), nodes, ("d",))


@given(st.integers(1, 5000), st.integers(0, 500))
def test_roundest_is_divided_by_the_largest_power_of_two(low, width):
    found = roundest(low, low + width)
    assert low <= found <= low + width
    assert all(n & -n <= found & -found for n in range(low, low + width + 1))


def test_the_size_that_fits():
    # 2 x 7 x 7 features: 13 and 14 pixels.
    assert fit_size(network(98)) == (14, 14)
    assert fits(network(98), (14, 13)) == 0
    assert fits(network(98), (12, 12)) == -1
    assert fits(network(98), (15, 15)) == 1
    assert fit_size(network(97)) is None


def choose(features, size=None, declared=None):
    return choose_size(lambda cells: (network(features, cells), False), "a", size, declared)


def test_a_size_is_taken_from_the_caller_then_the_file_then_the_weights():
    assert choose(98).inputs[0].shape == (None, 1, 14, 14)
    assert choose(98, (13, 14), (14, 14)).inputs[0].shape == (None, 1, 13, 14)
    assert choose(98, None, (13, 13)).inputs[0].shape == (None, 1, 13, 13)
    with pytest.raises(FormatError, match="fit no square input, expected input_size"):
        choose(97)
    with pytest.raises(FormatError, match="another input_size"):
        choose(98, (30, 30))
