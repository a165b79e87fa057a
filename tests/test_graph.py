"""Graphs: what is well formed, shapes with names in errors, sub-graphs, counts."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from zqcnn_xp.errors import GraphError, ShapeError
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, Concat, Conv2D, Dense, Elementwise, Identity, PReLU

RNG = np.random.default_rng(0)


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def conv(name, source, cin, cout, k=3, **attributes):
    op = Conv2D(cout, (k, k), **attributes)
    weights = {"weight": floats(k, k, cin, cout), "bias": floats(cout)}
    return Node(name, op, (source,), (name,), weights, where=f"net.txt:{name}")


def branchy():
    """data -> a -> (b, c) -> sum; d reads a too and nothing reads d."""
    return Graph(
        (GraphInput("data", (None, 3, None, None), (1, 3, 8, 8)),),
        (
            conv("a", "data", 3, 4),
            conv("b", "a", 4, 2, 1),
            conv("c", "a", 4, 2, 1),
            conv("d", "a", 4, 7, 1),
            Node("sum", Elementwise("sum"), ("b", "c"), ("sum",)),
        ),
        ("sum",),
        {"first": "a", "sum": "sum", "side": "d"},
        "branchy",
    )


def test_a_good_graph_validates_to_itself():
    graph = branchy()
    assert graph.validate() is graph


def relu(name, source, out=None):
    return Node(name, Activation("relu"), (source,), (out or name,))


ONE = (GraphInput("x", (None,)),)


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (Graph((), (), ("x",)), "at least one input"),
        (Graph((*ONE, *ONE), (), ("x",)), "input names must differ"),
        (Graph(ONE, (relu("a", "x"), relu("a", "a", "b")), ("b",)), "second node of this name"),
        (Graph(ONE, (relu("a", "b"), relu("b", "x")), ("a",)), "found input 'b'"),
        (Graph(ONE, (relu("a", "x"), relu("b", "a", "a")), ("a",)), "already written"),
        (Graph(ONE, (relu("a", "x", "x"),), ("x",)), "already written"),
        (Graph(ONE, (relu("a", "x"),), ("z",)), "output 'z', which no node writes"),
        (Graph(ONE, (relu("a", "x"),), ()), "no outputs"),
        (Graph(ONE, (relu("a", "x"),), ("a",), {"p": "q"}), "blob 'p' for value 'q'"),
    ],
)
def test_what_is_not_well_formed_is_named(graph, words):
    with pytest.raises(GraphError, match=words):
        graph.validate()


def test_shapes_of_all_values():
    assert branchy().shapes({"data": (2, 3, 10, 12)}) == {
        "data": (2, 3, 10, 12),
        "a": (2, 4, 8, 10),
        "b": (2, 2, 8, 10),
        "c": (2, 2, 8, 10),
        "d": (2, 7, 8, 10),
        "sum": (2, 2, 8, 10),
    }


def test_a_shape_error_names_the_node_and_its_place():
    with pytest.raises(ShapeError, match=r"Conv2D 'a', net\.txt:a: "):
        branchy().shapes({"data": (1, 3, 2, 2)})


def test_a_missing_or_refused_input_is_named():
    with pytest.raises(ShapeError, match="no shape for input 'data'"):
        branchy().shapes({})
    with pytest.raises(ShapeError, match=r"input 'data': found shape \(1, 4, 8, 8\), expected"):
        branchy().shapes({"data": (1, 4, 8, 8)})


def test_a_wrong_number_of_inputs_or_outputs_is_named():
    two = Graph(ONE, (Node("a", Identity(), ("x", "x"), ("a",)),), ("a",))
    with pytest.raises(ShapeError, match="Identity 'a'"):
        two.shapes({"x": (3,)})
    out = Graph(ONE, (Node("a", Identity(), ("x",), ("a", "b")),), ("a",))
    with pytest.raises(ShapeError, match="Identity 'a': found 2 outputs, expected 1"):
        out.shapes({"x": (3,)})


@pytest.mark.parametrize("shape", [(), (2, 3, 4), (2, 3, 4, 5, 6), (1, 2, 8, 8)])
def test_an_input_refuses_other_ranks_and_sizes(shape):
    with pytest.raises(ShapeError, match="expected \\(any, 3, any, any\\)"):
        GraphInput("data", (None, 3, None, None)).check(shape)


def test_a_subgraph_keeps_what_is_needed_and_no_more():
    part = branchy().subgraph(["b"])
    assert [node.name for node in part.nodes] == ["a", "b"]
    assert part.outputs == ("b",)
    assert part.blobs == {"first": "a"}
    assert part.validate() is part


def test_a_subgraph_keeps_order_and_drops_duplicates():
    part = branchy().subgraph(["sum", "a", "sum"])
    assert part.outputs == ("sum", "a")
    assert [node.name for node in part.nodes] == ["a", "b", "c", "sum"]


def test_a_subgraph_of_an_input_has_no_nodes():
    part = branchy().subgraph(["data"])
    assert part.nodes == ()
    assert part.inputs == branchy().inputs


def test_a_subgraph_drops_inputs_that_nobody_reads():
    graph = Graph(
        (GraphInput("x", (None, 2)), GraphInput("y", (None, 2))),
        (relu("a", "x"), Node("c", Concat(1), ("a", "y"), ("c",))),
        ("c",),
    )
    assert [s.name for s in graph.subgraph(["a"]).inputs] == ["x"]


def test_a_subgraph_of_nothing_known_is_refused():
    with pytest.raises(GraphError, match="'bb'"):
        branchy().subgraph(["b", "bb"])


def test_blobs_are_looked_up_before_values():
    graph = Graph(ONE, (relu("a", "x"), relu("b", "a")), ("b",), {"a": "b", "a@a": "a"})
    assert graph.value("a") == "b"
    assert graph.value("a@a") == "a"
    assert graph.value("x") == "x"


def test_an_unknown_blob_suggests_the_nearest():
    with pytest.raises(GraphError, match="did you mean first"):
        branchy().value("frist")
    with pytest.raises(GraphError, match=r"no blob 'qqqq' in the network$"):
        branchy().value("qqqq")


def test_parameters_and_muladds():
    graph = branchy()
    assert graph.parameters == (108 + 4) + 2 * (8 + 2) + (28 + 7)
    a = 6 * 6 * 4 * (27 + 1)
    ones = 6 * 6 * (2 + 2 + 7) * (4 + 1)
    assert graph.muladds({"data": (1, 3, 8, 8)}) == a + ones + 6 * 6 * 2
    assert graph.muladds({"data": (3, 3, 8, 8)}) == 3 * graph.muladds({"data": (1, 3, 8, 8)})


def test_weights_of_the_wrong_shape_or_name_are_named():
    graph = branchy()
    graph.check_weights({"data": (1, 3, 8, 8)})
    short = Node("f", Dense(5), ("data",), ("f",), {"weight": floats(8, 8, 3, 5)})
    with pytest.raises(GraphError, match=r"Dense 'f': found weights .*expected .*'bias': \(5,\)"):
        Graph(graph.inputs, (short,), ("f",)).check_weights({"data": (1, 3, 8, 8)})
    fused = Node(
        "f",
        Dense(5, bias=False, activation=PReLU()),
        ("data",),
        ("f",),
        {"weight": floats(8, 8, 3, 5), "slope": floats(4)},
    )
    with pytest.raises(GraphError, match=r"'slope': \(4,\).*expected.*'slope': \(5,\)"):
        Graph(graph.inputs, (fused,), ("f",)).check_weights({"data": (1, 3, 8, 8)})


@pytest.mark.parametrize("nominal", [None, (0, 3, 4, 4), (1, 3, 0, 4)])
def test_no_nominal_shapes_where_the_file_names_none(nominal):
    graph = Graph((GraphInput("x", (None, 3, None, None), nominal),), (relu("a", "x"),), ("a",))
    assert graph.nominal_shapes is None
    assert branchy().nominal_shapes == {"data": (1, 3, 8, 8)}


def test_graphs_are_immutable():
    graph = branchy()
    with pytest.raises(FrozenInstanceError):
        graph.outputs = ()
    with pytest.raises(FrozenInstanceError):
        graph.nodes[0].name = "z"


def test_the_text_names_every_value():
    text = str(branchy())
    for word in ("graph branchy", "input data", "sum = Elementwise", "output sum"):
        assert word in text


def test_what_the_file_says_beyond_the_graph_is_carried_along():
    from zqcnn_xp.passes import optimize

    source = GraphInput("x", (None, 3, None, None))
    node = Node("r", Identity(), ("x",), ("y",))
    graph = Graph((source,), (node,), ("y",), meta={"heads": (1, 2)})
    assert Graph((source,), (node,), ("y",)).meta == {}
    assert graph.subgraph(["y"]).meta == optimize(graph).meta == {"heads": (1, 2)}
