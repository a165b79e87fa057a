"""What steps need of the values they read, and what serves them."""

from __future__ import annotations

import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp.ops import (
    Activation,
    Concat,
    Conv2D,
    Dense,
    Flatten,
    Pool2D,
    Slice,
    Softmax,
    Transpose,
    Upsample,
)
from zqcnn_xp_llvm.planner.fuse import make_steps
from zqcnn_xp_llvm.planner.layout import Border, Geometry, Layout
from zqcnn_xp_llvm.planner.needs import Need, needs_of, writes_plain
from zqcnn_xp_llvm.planner.storage import Pool
from zqcnn_xp_llvm.target import NEON

SHAPE = (1, 16, 9, 20)


def need(harness, op, blocks, shape=SHAPE):
    """The first need of the one step of an op, all values in blocks or none."""
    graph = harness.single(op, shape)
    shapes = graph.shapes({"x0": shape})
    (step,) = make_steps(graph, shapes, NEON.lanes)
    kinds = dict.fromkeys(shapes, blocks)
    return needs_of(step, shapes, kinds, Pool(NEON, exact=True))[0], step


@pytest.mark.parametrize("blocks", [True, False])
def test_windows_need_their_borders(harness, blocks):
    found, _ = need(harness, Conv2D(8, (3, 3), (1, 1), pads=(1, 2, 0, 1)), blocks)
    assert found.border == Border(1, 2, 0, 1)
    assert found.kind == ("any" if blocks else "planar")
    found, _ = need(harness, Pool2D("max", (2, 2), (2, 2), ceil=True), blocks)
    assert found.border.value == float("-inf")
    assert found.border.sides == (0, 1, 0, 0)
    assert found.kind == ("blocks" if blocks else "planar")


def test_parted_columns_need_a_float_behind(harness):
    """Where the last column that is used is the last of the map, the one behind is read too."""
    odd = (1, 16, 9, 19)
    assert need(harness, Conv2D(8, (3, 3), (2, 2)), False, odd)[0].room
    assert not need(harness, Conv2D(8, (3, 3), (2, 2)), False, SHAPE)[0].room
    assert not need(harness, Conv2D(8, (3, 3), (1, 1)), False, odd)[0].room
    assert not need(harness, Conv2D(8, (3, 3), (2, 2)), True, odd)[0].room


@pytest.mark.parametrize(
    ("op", "kind", "plain"),
    [
        (Dense(5), "blocks", False),
        (Activation("relu"), "blocks", False),
        (Flatten(), "plain", True),
        (Transpose((0, 2, 3, 1)), "plain", True),
        (Softmax(1), "planar", False),
        (Softmax(2), "plain", True),
        (Slice(1, 4, 12), "blocks", False),
        (Slice(2, 1, 3), "plain", True),
        (Slice(1, 0, None, 2), "plain", True),
        (Upsample("nearest", scale=(2.0, 2.0), rounding="floor"), "blocks", False),
    ],
)
def test_layouts_that_steps_need_and_write(harness, op, kind, plain):
    found, step = need(harness, op, True)
    assert found.kind == kind
    assert writes_plain(step) is plain


@pytest.mark.parametrize(("axis", "plain"), [(1, False), (2, True), (3, True)])
def test_concatenation_keeps_planes_along_channels_alone(harness, axis, plain):
    graph = harness.single(Concat(axis), SHAPE, SHAPE)
    (step,) = make_steps(graph, graph.shapes({"x0": SHAPE, "x1": SHAPE}), NEON.lanes)
    assert writes_plain(step) is plain


def test_a_need_is_met():
    border = Border(1, 1, 1, 1)
    rows = Layout("rows", Geometry(3, 4, 5), 4, border)
    blocks = Layout("blocks", Geometry(3, 4, 5), 4)
    plain = Layout("plain", Geometry(3, 4, 5), 4)
    assert Need("planar").met(rows, ours=True)
    assert Need("planar").met(plain, ours=False)
    assert not Need("planar").met(blocks, ours=True)
    assert Need("any").met(blocks, ours=True)
    assert Need("plain").met(plain, ours=False)
    assert not Need("plain").met(rows, ours=True)
    assert Need("planar", border).met(rows, ours=True)
    assert not Need("planar", border).met(plain, ours=True)
    assert not Need("planar", Border(1, 1, 1, 1, -1.0)).met(rows, ours=True)
    assert Need("planar", room=True).met(plain, ours=True)
    assert not Need("planar", room=True).met(plain, ours=False)
