"""Blob names, in-place layers and outputs."""

import numpy as np

X = np.float32([[[[-8, -2, 0, 3]]]])
SLOPES = [
    "ReLU name=a bottom=x top=y slope=0.5",
    "ReLU name=b bottom=y top=y slope=0.5",
    "Copy name=c bottom=y top=z",
    "ReLU name=d bottom=y top=y",
]


def read(zq, *lines):
    return zq.read(*lines, weights=b"", source="C=1")


def test_the_last_writer_keeps_the_plain_name(zq):
    graph = read(zq, *SLOPES)
    assert [node.outputs for node in graph.nodes] == [("y@a",), ("y@b",), ("z",), ("y",)]
    assert [node.inputs for node in graph.nodes] == [("x",), ("y@a",), ("y@b",), ("y@b",)]
    assert graph.outputs == ("z", "y")


def test_every_layer_is_a_blob(zq):
    graph = read(zq, *SLOPES)
    want = {"x": "x", "y": "y", "z": "z", "y@a": "y@a", "y@b": "y@b", "z@c": "z", "y@d": "y"}
    assert dict(graph.blobs) == want
    values = {"y@a": -4, "y@b": -2, "z": -2, "z@c": -2, "y": 0, "y@d": 0, "x": -8}
    for blob, value in values.items():
        assert zq.run(graph, X, blob)[0, 0, 0, 0] == value


def test_in_place_on_the_input(zq):
    graph = read(zq, "ReLU name=a bottom=x top=x")
    assert graph.inputs[0].name == "x"
    assert graph.nodes[0].outputs == ("x@a",)
    assert graph.blobs["x"] == "x@a"
    assert graph.outputs == ("x@a",)
    assert zq.run(graph, X, "x")[0, 0, 0, 0] == 0


def test_a_value_that_is_overwritten_unread_is_no_output(zq):
    graph = read(zq, "Copy name=a bottom=x top=y", "ReLU name=b bottom=x top=y")
    assert graph.outputs == ("y",)
    assert zq.run(graph, X, "y@a")[0, 0, 0, 0] == -8
    assert zq.run(graph, X)[0, 0, 0, 0] == 0


def test_names_that_look_like_ours(zq):
    graph = read(
        zq,
        "ReLU name=a bottom=x top=y slope=0.5",
        "ReLU name=b bottom=x top=y@a",
        "ReLU name=c bottom=y top=y slope=0.25",
    )
    assert graph.nodes[0].outputs == ("y@a'",)
    assert graph.blobs["y@a"] == "y@a"
    assert zq.run(graph, X, "y")[0, 0, 0, 0] == -1
    assert zq.run(graph, X, "y@a")[0, 0, 0, 0] == 0


def test_nodes_say_where_they_come_from(zq):
    graph = read(zq, "", "# note", "Copy name=a bottom=x top=y")
    assert graph.nodes[0].where == "<bytes>:4"
