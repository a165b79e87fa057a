"""The text of a graph: what it holds, what free sizes mean, and its limits."""

import json

import numpy as np
import pytest

from zqcnn_xp.errors import FormatError, GraphError
from zqcnn_xp.formats.graph_json import graph_from_json, graph_to_json, parse_json, tensor_name
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, Conv2D, Dense, Identity


def chain(shape, *nodes, nominal=None):
    """Nodes one after the other: (op, weights)."""
    made, last = [], "x"
    for index, (op, weights) in enumerate(nodes):
        made.append(Node(f"n{index}", op, (last,), (f"v{index}",), weights))
        last = f"v{index}"
    return Graph((GraphInput("x", shape, nominal),), tuple(made), (last,))


def arrays(graph):
    return {tensor_name(n.name, k): w for n in graph.nodes for k, w in n.weights.items()}


def back(graph, **limits):
    return graph_from_json(graph_to_json(graph), arrays(graph), "f", Limits(**limits))


def conv(inner, outer, kernel=3):
    weight = np.zeros((kernel, kernel, inner, outer), np.float32)
    return Conv2D(outer, (kernel, kernel), bias=False), {"weight": weight}


def test_free_sizes_are_tried_at_sizes_that_may_fit():
    graph = chain((None, 3, None, None), conv(3, 4))
    assert back(graph).inputs == graph.inputs
    with pytest.raises(FormatError, match=r"Limits.max_elements"):
        back(graph, max_elements=1000)
    wrong = chain((None, 3, None, None), conv(5, 4))
    with pytest.raises(FormatError, match="weights, Conv2D 'n0': found weights"):
        back(wrong)


def test_what_depends_on_a_free_size_is_left_to_the_session():
    # The map must be 97x97 here: no size that is tried leads to it.
    weight = np.zeros((97, 97, 1, 2), np.float32)
    dense = Dense(2, False)
    graph = chain((None, 1, None, None), (dense, {"weight": weight}))
    assert back(graph).parameters == weight.size
    with pytest.raises(FormatError, match="Dense 'n0': found weights"):
        back(chain((None, 1, None, None), (dense, {"kernel": weight})))
    fixed = chain((None, 1, None, None), (dense, {"weight": weight}), nominal=(1, 1, 97, 97))
    assert back(fixed).parameters == weight.size
    wrong = chain((None, 1, None, None), (dense, {"weight": weight}), nominal=(1, 1, 96, 97))
    with pytest.raises(FormatError, match="Dense 'n0': found weights"):
        back(wrong)


def test_fixed_sizes_that_do_not_fit_are_refused():
    with pytest.raises(FormatError, match="found"):
        back(chain((1, 3, 2, 2), conv(3, 4)))


def test_what_has_no_json_form_names_its_node():
    class Mine(Identity):
        pass

    with pytest.raises(GraphError, match="Mine 'n0': found an op of type"):
        graph_to_json(chain((1, 3), (Mine(), {})))
    with pytest.raises(GraphError, match="which no earlier node writes"):
        graph_to_json(
            Graph((GraphInput("x", (1,)),), (Node("a", Identity(), ("y",), ("z",)),), ("z",))
        )


def test_the_text_is_plain_json_in_execution_order():
    graph = chain((None, 3), (Activation("relu"), {}), (Identity(), {}))
    found = json.loads(graph_to_json(graph))
    assert [node["op"] for node in found["nodes"]] == ["Activation", "Identity"]
    assert found["inputs"] == [{"name": "x", "shape": [None, 3], "nominal": None}]
    assert found["version"] == 1


def test_names_and_layers_are_bounded():
    graph = chain((1, 3), (Identity(), {}), (Identity(), {}))
    with pytest.raises(FormatError, match="nodes: found 2 entries, expected at most 1"):
        back(graph, max_layers=1)
    with pytest.raises(FormatError, match="expected a name of at most 1 characters"):
        back(graph, max_name=1)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "found the key 'c' twice"),
        ("[NaN]", "found the constant NaN"),
        ("[-Infinity]", "found the constant -Infinity"),
        ("[1,]", "f, place: found "),
        ("", "f, place: found "),
        (b"\xff", "codec"),
        ("[" * 100_000, "found "),
        ("[" * 600_000, "more than 500,000 objects and lists"),
        ("9" * 5000, "found "),
    ],
)
def test_strict_json(text, match):
    with pytest.raises(FormatError, match=match):
        parse_json(text, "f", "place")
