"""MobileFaceNet in all forms: sizes, ZQCNN's file by order, GNAP against its formula."""

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.formats import read_graph
from zqcnn_xp.ops import Conv2D
from zqcnn_xp.session import Session
from zqcnn_xp_models import mobilefacenet
from zqcnn_xp_models.counts import learnable, products

SHAPE = (1, 3, 112, 112)


def image(batch=1):
    return np.random.default_rng(0).random((batch, *SHAPE[1:]), dtype=np.float32)


def test_the_paper_has_221_million_multiply_adds():
    graph = mobilefacenet.build("v1")
    assert round(products(graph) / 1e6) == 221
    assert 0.99e6 < learnable(graph) < 1.01e6
    assert learnable(mobilefacenet.build("y1")) == learnable(graph)


def test_mbf_has_as_many_parameters_as_insightfaces():
    assert learnable(mobilefacenet.build("mbf")) == 2_059_520


@pytest.mark.parametrize("variant", ["res2-6-10-2", "res4-8-16-4", "res8-16-32-8"])
def test_forms_of_zqcnn(variant):
    graphs = {dim: mobilefacenet.build(variant, features=dim) for dim in (128, 256, 512)}
    for dim, graph in graphs.items():
        assert graph.shapes({"data": SHAPE})[graph.outputs[0]] == (1, dim)
    # The embedding alone differs: a row of 512 weights, a bias and a norm for each feature.
    assert graphs[256].parameters - graphs[128].parameters == 128 * (512 + 1 + 4)
    units = [int(unit) for unit in variant[3:].split("-")]
    sums = [node for node in graphs[128].nodes if node.name.startswith("_plus")]
    assert len(sums) == sum(units)
    strided = [n for n in graphs[128].nodes if isinstance(n.op, Conv2D) and n.op.stride == (2, 2)]
    assert len(strided) == 4


def test_zqcnns_file_is_this_network(shared_data):
    given = read_graph(
        shared_data / "zqcnn" / "mobilefacenet-res2-6-10-2-dim128.zqparams", "random:3"
    )
    graph = mobilefacenet.build("res2-6-10-2", weights=given)
    assert graph.parameters == given.parameters == 3_572_096
    nominal = given.nominal_shapes
    assert graph.muladds(nominal) == given.muladds(nominal)
    ours, theirs = (Session(g, "numpy")(image()) for g in (graph, given))
    np.testing.assert_array_equal(ours["fc1_output"].ravel(), theirs["fc5"].ravel())


@pytest.mark.parametrize("features", [128, 512])
def test_gnap_is_the_average_of_places_at_the_mean_norm(features):
    graph = mobilefacenet.build("GNAP", features=features, seed=1)
    last = "bn6w" if features < 512 else "fc1"
    before = next(node.inputs[0] for node in graph.nodes if node.name == last)
    found = Session(graph, "numpy")(image(3), ["bn6f", before])
    x = found["bn6f"].astype(np.float64)
    norm = np.sqrt((x * x).sum(axis=1, keepdims=True))
    want = (x * norm.mean(axis=(1, 2, 3), keepdims=True) / norm).mean(axis=(2, 3))
    assert np.abs(found[before][:, :, 0, 0] - want).max() < 1e-5 * np.abs(want).max()
    (embedding,) = Session(graph, "numpy")(image(3)).values()
    assert embedding.shape == (3, features)


def test_samples_do_not_depend_on_their_company():
    session = Session(mobilefacenet.build("GNAP"), "numpy")
    x = image(2)
    both = session(x)["fc1_output"]
    alone = session(x[:1])["fc1_output"]
    assert np.abs(alone - both[:1]).max() < 1e-5 * np.abs(both).max()


def test_what_does_not_exist_is_refused():
    with pytest.raises(InputError, match="found variant 'v9', expected one of y1, v1"):
        mobilefacenet.build("v9")
    with pytest.raises(InputError, match="found -1 features"):
        mobilefacenet.build(features=-1)
    with pytest.raises(InputError, match="at most 512 with GNAP"):
        mobilefacenet.build("GNAP", features=513)
