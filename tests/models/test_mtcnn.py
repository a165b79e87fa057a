"""MTCNN's networks: those of ZQCNN's files, to the last bit, and the published sizes."""

import warnings

import numpy as np
import pytest

from zqcnn_xp.errors import InputError, TrailingWeightsWarning
from zqcnn_xp.formats import read_graph
from zqcnn_xp.ops import PReLU
from zqcnn_xp.session import Session
from zqcnn_xp_models import mtcnn

FILES = {
    "R": ("det2", "det2_bgr", 24),
    "O": ("det3", "det3_bgr", 48),
    "P-dw20": ("det1-dw20-fast", "det1-dw20-fast", 61),
    "L16": ("det4-dw48-v2s", "det4-dw48-v2s", 48),
    "L32": ("det4-dw48-v2n", "det4-dw48-v2n", 48),
}


def given(shared_data, net, weights):
    folder = shared_data / "zqcnn"
    with warnings.catch_warnings():  # some files hold the weights of layers they comment out
        warnings.simplefilter("ignore", TrailingWeightsWarning)
        return read_graph(folder / f"{net}.zqparams", folder / f"{weights}.nchwbin")


@pytest.mark.parametrize("variant", FILES)
def test_zqcnns_files_are_these_networks(shared_data, variant):
    net, weights, size = FILES[variant]
    theirs = given(shared_data, net, weights)
    ours = mtcnn.build(variant, weights=theirs)
    assert ours.parameters == theirs.parameters
    assert set(ours.outputs) == set(theirs.outputs)
    x = np.random.default_rng(0).random((2, 3, size, size), dtype=np.float32)
    found, want = (Session(graph, "numpy")(x) for graph in (ours, theirs))
    for name in ours.outputs:
        np.testing.assert_array_equal(found[name], want[name])


def published(graph, shape):
    """Millions of multiply-adds as ZQCNN's README counts: all but the rectifiers'."""
    shapes = graph.shapes({"data": shape})
    slopes = sum(
        node.op.muladds(shapes[node.inputs[0]])
        for node in graph.nodes
        if isinstance(node.op, PReLU)
    )
    return (graph.muladds({"data": shape}) - slopes) / 2**20


@pytest.mark.parametrize(
    ("variant", "shape", "millions"),
    [
        ("P-dw20", (1, 3, 240, 320), 11.6),  # Pnet20_v0
        ("L16", (1, 3, 48, 48), 3.5),  # Lnet_v2, lnet_basenum=16
        ("L32", (1, 3, 48, 48), 10.8),  # Lnet_v2, lnet_basenum=32
    ],
)
def test_published_multiply_adds(variant, shape, millions):
    assert round(published(mtcnn.build(variant), shape), 1) == millions


@pytest.mark.parametrize(("variant", "count"), [("P", 6_632), ("R", 100_178), ("O", 389_040)])
def test_published_parameters(variant, count):
    assert mtcnn.build(variant).parameters == count


def test_p_gives_a_cell_every_two_pixels():
    graph = mtcnn.build("P")
    for size in (12, 13, 47):
        shapes = graph.shapes({"data": (1, 3, size, size)})
        cells = -(-(size - 12) // 2) + 1
        assert shapes["prob1"] == (1, 2, cells, cells)
        assert shapes["conv4-2"] == (1, 4, cells, cells)


def test_what_does_not_exist_is_refused():
    with pytest.raises(InputError, match="found variant 'Q', expected one of P, R, O"):
        mtcnn.build("Q")
