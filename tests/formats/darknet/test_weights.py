"""Headers and counts of .weights files."""

import numpy as np
import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats import Limits, Source
from zqcnn_xp.formats.darknet.weights import read_header

CONV = "[conv] filters=3 activation=linear"  # 3 + 3 * 4 floats
FLOATS = np.arange(15)


@pytest.mark.parametrize(
    ("version", "size", "turned"),
    [
        ((0, 1), 16, False), ((0, 2), 20, False), ((1, 0), 20, False), ((0, 0), 16, False),
        ((2000, 0), 16, True), ((0, 1001), 16, True), ((-5, 0), 16, False),
    ],
)  # fmt: skip
def test_header(dk, version, size, turned):
    data = dk.header(*version, 0, 7) + b"\0" * 40
    assert read_header(Source("w", data)) == (size, turned)


@pytest.mark.parametrize("minor", [1, 2])
def test_arrays_follow_the_header(dk, minor):
    graph = dk.read(CONV, weights=dk.weights(FLOATS, minor=minor))
    (node,) = graph.nodes
    assert node.weights["bias"].tolist() == [0, 1, 2]
    assert node.weights["weight"].shape == (1, 1, 4, 3)
    assert node.weights["weight"][0, 0, :, 1].tolist() == [7, 8, 9, 10]
    assert node.weights["weight"].dtype == np.float32


def test_a_wrong_pair_is_refused_naming_both_counts(dk):
    error = dk.fails(
        r"found 14 floats after the header; they end in 'weight' of layer 'convolutional_0' "
        r"\(<bytes> line 5\), expected 15",
        CONV, weights=dk.weights(FLOATS[:-1]),
    )  # fmt: skip
    assert error.where == "byte 76"
    error = dk.fails("found 16 floats after the header, expected 15", CONV,
                     weights=dk.weights(FLOATS, [1]))  # fmt: skip
    assert error.where == "byte 80"
    dk.fails("15 floats and 3 bytes", CONV, weights=dk.weights(FLOATS) + b"abc")


def test_every_truncation(dk):
    data = dk.weights(FLOATS)
    for size in range(len(data)):
        dk.fails("found ", CONV, weights=data[:size])
    assert dk.read(CONV, weights=data).parameters == 15


def test_a_count_is_checked_before_memory_is_taken(dk):
    """Ten thousand filters of 65,536 x 65,536 over a map of one cell."""
    huge = "[conv] filters=10000 size=65536 padding=32768"
    dk.fails("found 15 floats.*expected 171,798,691,850,000,", huge, weights=dk.weights(FLOATS))
    dk.fails("Limits.max_elements", huge)


def test_no_weights(dk):
    dk.fails(r"found no weights, expected the \.weights file.*weights='random'", CONV, weights=None)


def test_random_weights_are_seeded_and_bounded(dk):
    def weight(seed):
        return dk.read(CONV, weights=f"random:{seed}").nodes[0].weights["weight"]

    assert np.array_equal(weight(3), weight(3))
    assert not np.array_equal(weight(3), weight(4))
    with pytest.raises(FormatError, match=r"Limits\.max_file"):
        dk.read("[conv] filters=100", limits=Limits(max_file=1000))
