"""From records to layers: connections, declared sizes, bounds."""

import numpy as np
import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats import Limits

CONV = "Convolution name=c bottom=x top=y num_output=4 kernel_size=3"
DENSE = "InnerProduct name=i bottom=x top=y num_output=2"


@pytest.mark.parametrize(
    ("lines", "where", "match"),
    [
        (["Copy name=a bottom=z top=y"], "line 2", r"bottom 'z' of layer 'a', .* earlier line"),
        (["Copy name=a bottom=X top=y"], "line 2", "did you mean 'x'"),
        (["Copy name=a bottom=y top=y"], "line 2", "line 2 writes it, which is too late"),
        (
            ["Copy name=a bottom=b top=y", "Copy name=c bottom=x top=b"],
            "line 2",
            "line 3 writes it",
        ),
        (["Copy name=a top=y"], "line 2", "0 bottoms of Copy 'a', expected 1"),
        (["Copy name=a bottom=x bottom=x top=y"], "line 2", "2 bottoms of Copy 'a', expected 1"),
        (["Eltwise name=a bottom=x top=y operation=SUM"], "line 2", "expected at least 2"),
        (["DetectionOutput name=a bottom=x bottom=x top=y"], "line 2", "2 bottoms .* expected 3"),
        (["Copy name=a bottom=x"], "line 2", "0 tops of Copy 'a', expected 1"),
        (["Copy name=a bottom=x top=y top=z"], "line 2", "2 tops"),
        (["", "# note", "Copy name=a bottom=q top=y"], "line 4", "bottom 'q'"),
    ],
)
def test_connections(zq, lines, where, match):
    assert zq.fails(match, *lines).where == where


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("H=8 W=8", "without 'c'"),
        ("C=0", "C=0|c=0"),
        ("C=-1", "c=-1"),
        ("C=3.5", "c=3.5"),
        ("C=3 H=-1 W=2", "h=-1"),
        ("C=three", "c=three"),
        ("C=99999999999", "c=99999999999"),
        ("C=3 bottom=y", "an Input with a bottom or a top"),
    ],
)
def test_a_wrong_input(zq, source, match):
    assert zq.fails(match, "Copy name=a bottom=x top=y", source=source).where == "line 1"


def test_sizes_are_free_and_the_declared_ones_nominal(zq):
    (source,) = zq.read(CONV, source="C=3 H=8 W=10").inputs
    assert source.shape == (None, 3, None, None)
    assert source.nominal == (1, 3, 8, 10)
    (source,) = zq.read(CONV, source="C=3").inputs
    assert source.nominal is None
    graph = zq.read(CONV)
    assert zq.run(graph, np.ones((2, 3, 20, 5))).shape == (2, 4, 18, 3)


def test_an_inner_product_fixes_the_size(zq):
    (source,) = zq.read(DENSE, source="C=3 H=8 W=10").inputs
    assert source.shape == (None, 3, 8, 10)
    for declared in ("C=3", "C=3 H=8", "C=3 H=0 W=0"):
        error = zq.fails("no H and W, but InnerProduct 'i' on line 2", DENSE, source=declared)
        assert error.where == "line 1"


def test_weights_that_depend_on_an_undeclared_size(zq):
    lines = (
        "Permute name=p bottom=x top=z order=0 order=2 order=3 order=1",
        "Scale name=s bottom=z top=y",
    )
    assert zq.read(*lines, source="C=3 H=8 W=10").nodes[1].weights["scale"].shape == (8,)
    error = zq.fails(r"weights of layer 's' \(line 3\) depend on them", *lines, source="C=3")
    assert error.where == "line 1"


def test_values_are_bounded(zq):
    limits = Limits(max_elements=1000)
    zq.fails(r"shape \(1, 4, 30, 30\), .*max_elements", CONV, source="C=3 H=32 W=32", limits=limits)
    zq.read(CONV, limits=limits)


def test_a_short_weight_file(zq):
    # 4*3*3*3 floats are 432 bytes.
    error = zq.fails(
        "of layer 'p'.*line 3", CONV, "PReLU name=p bottom=y top=y", weights=b"\0" * 447
    )
    assert error.where == "byte 432"


def test_a_long_chain_needs_no_recursion(zq):
    count = 20_000
    lines = [f"ReLU name=r{i} bottom=x{i or ''} top=x{i + 1}" for i in range(count)]
    graph = zq.read(*lines, weights=b"", source="C=1 H=1 W=1")
    assert len(graph.nodes) == count
    assert graph.outputs == (f"x{count}",)


def test_too_many_layers(zq):
    lines = [f"Copy name=c{i} bottom=x top=x" for i in range(9)]
    with pytest.raises(FormatError, match="more than 5 layers"):
        zq.read(*lines, weights=b"", limits=Limits(max_layers=5))
