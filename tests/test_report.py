"""Tables: the figures of a network, the trace of a run, escaped HTML."""

from __future__ import annotations

import html.parser
import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.executable import StepTime
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, Conv2D, Elementwise, Identity, PReLU
from zqcnn_xp.ops.base import Op
from zqcnn_xp.report import TraceRow, html_table
from zqcnn_xp.session import Session

RNG = np.random.default_rng(3)


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


@dataclass(frozen=True)
class Positive(Op):
    """A host op whose output's length depends on the data."""

    host: ClassVar[bool] = True

    def infer(self, *shapes):
        return ((int(np.prod(shapes[0])),),)

    def forward(self, xp, w, *xs):
        return (xs[0][xs[0] > 0],)


def net(nominal=(1, 3, 6, 6), name="net", layer="conv"):
    conv = Conv2D(4, (3, 3))
    weights = {"weight": floats(3, 3, 3, 4), "bias": floats(4)}
    return Graph(
        (GraphInput("data", (None, 3, None, None), nominal),),
        (
            Node(layer, conv, ("data",), ("conv",), weights),
            Node("act", PReLU(), ("conv",), ("act",), {"slope": floats(4)}),
            Node("copy", Identity(), ("act",), ("copy",)),
        ),
        ("copy",),
        {},
        name,
    )


CONV = 4 * 4 * 4 * (27 + 1)  # cells times (kernel and bias)
PRELU = 4 * 4 * 4 * 3


def test_the_figures_at_the_nominal_size():
    info = Session(net(), "numpy").info()
    assert info.inputs == {"data": (1, 3, 6, 6)}
    assert info.parameters == 108 + 4 + 4
    assert info.weight_bytes == 4 * info.parameters
    assert info.muladds == CONV + PRELU == sum(row.muladds for row in info.rows)
    assert [(r.name, r.type, r.shape, r.parameters, r.muladds) for r in info.rows] == [
        ("conv", "Conv2D", (1, 4, 4, 4), 112, CONV),
        ("act", "PReLU", (1, 4, 4, 4), 4, PRELU),
        ("copy", "Identity", (1, 4, 4, 4), 0, 0),
    ]


def test_the_figures_at_a_given_size():
    info = Session(net(), "numpy").info({"data": (2, 3, 6, 6)})
    assert info.muladds == 2 * (CONV + PRELU)
    with pytest.raises(ShapeError, match="Conv2D 'conv'"):
        Session(net(), "numpy").info({"data": (1, 3, 2, 2)})


@pytest.mark.parametrize("nominal", [None, (1, 3, 2, 2), (1, 5, 6, 6)])
def test_no_figures_where_there_is_no_usable_size(nominal):
    info = Session(net(nominal), "numpy").info()
    assert info.muladds is None
    assert info.activation_bytes is None
    assert info.parameters == 116
    assert info.inputs == {"data": (None, 3, None, None)}
    assert all(row.shape is None for row in info.rows)
    assert "conv" in info._repr_html_()


def test_activation_memory_is_the_widest_moment():
    # x (10) -> a (10) and b (10) -> sum: x, a and b live together, then a, b and the sum.
    graph = Graph(
        (GraphInput("x", (1, 10), (1, 10)),),
        (
            Node("a", Activation("relu"), ("x",), ("a",)),
            Node("b", Activation("tanh"), ("x",), ("b",)),
            Node("s", Elementwise("sum"), ("a", "b"), ("s",)),
        ),
        ("s",),
    )
    assert Session(graph, "numpy").info().activation_bytes == 4 * 30
    kept = Graph(graph.inputs, graph.nodes, ("s", "a", "x"))
    assert Session(kept, "numpy").info().activation_bytes == 4 * 40


def test_info_is_plain_data():
    data = Session(net(), "numpy").info().to_dict()
    assert json.loads(json.dumps(data))["rows"][0]["name"] == "conv"


# Trace ---------------------------------------------------------------------------------------


def test_a_trace_has_a_row_a_layer_that_ran():
    x = floats(2, 3, 6, 6)
    trace = Session(net(), "numpy", fold=False).trace(x)
    assert [(r.name, r.type, r.shape, r.muladds) for r in trace.rows] == [
        ("conv", "Conv2D", (2, 4, 4, 4), 2 * CONV),
        ("act", "PReLU", (2, 4, 4, 4), 2 * PRELU),
        ("copy", "Identity", (2, 4, 4, 4), 0),
    ]
    assert trace.muladds == 2 * (CONV + PRELU)
    assert trace.seconds == pytest.approx(sum(r.seconds for r in trace.rows))
    assert all(row.seconds > 0 for row in trace.rows)
    assert trace.backend == "numpy"
    lines = str(trace).splitlines()
    assert len(lines) == 4
    assert lines[0].split()[:2] == ["conv", "Conv2D"]
    assert f" {2 * CONV:,} mul-adds " in lines[0]
    assert lines[0].endswith("(2, 4, 4, 4)")
    assert lines[-1].endswith(f" {trace.muladds:,} mul-adds on numpy")


def test_folding_keeps_the_sum_of_muladds_for_activations():
    trace = Session(net(), "numpy").trace(floats(1, 3, 6, 6))
    assert [r.name for r in trace.rows] == ["conv", "copy"]  # "copy" is the requested output
    assert trace.muladds == CONV + PRELU


def test_each_layer_is_warmed_up_and_given_its_real_input():
    calls = []

    class Spy(Backend):
        name = "spy"

        def kernel(self, op, *shapes):
            def run(w, *xs):
                calls.append((type(op).__name__, float(xs[0].sum())))
                return op.forward(self.xp, w, *xs)

            return run

    graph = net()
    x = floats(1, 3, 6, 6)
    Session(graph, Spy(np), fold=False).trace(x)
    conv, act = (
        Session(graph, "numpy", fold=False)(x, ["conv", "act"])[name] for name in ("conv", "act")
    )
    assert [name for name, _ in calls] == ["Conv2D"] * 2 + ["PReLU"] * 2 + ["Identity"] * 2
    np.testing.assert_allclose(
        [total for _, total in calls],
        np.repeat([x.sum(), conv.sum(), act.sum()], 2),
        rtol=1e-3,
        atol=1e-3,
    )


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("backend", ["numpy", "llvm", "jax"])
def test_a_trace_takes_several_inputs_of_any_library(backend, library):
    if backend == "llvm":
        pytest.importorskip("llvmlite")
    make = pytest.importorskip("jax.numpy" if library == "jax" else library).asarray
    graph = Graph(
        (GraphInput("a", (None, 2, None, None)), GraphInput("b", (None, 2, None, None))),
        (Node("s", Elementwise("sum"), ("a", "b"), ("s",)),),
        ("s",),
    )
    given = {"a": make(floats(1, 2, 3, 3)), "b": make(floats(1, 2, 3, 3))}
    (row,) = Session(graph, backend).trace(given).rows
    assert (row.name, row.shape) == ("s", (1, 2, 3, 3))


def test_a_trace_has_the_host_ops_last():
    graph = Graph(
        (GraphInput("x", (None, 3, None, None)),),
        (
            Node("h", Positive(), ("x",), ("h",)),
            Node("r", Activation("relu"), ("x",), ("r",)),
            Node("t", Activation("tanh"), ("h",), ("t",)),
        ),
        ("t", "r"),
    )
    trace = Session(graph, "numpy").trace(floats(1, 3, 2, 2))
    assert [row.name for row in trace.rows] == ["r", "h", "t"]
    assert all(row.seconds > 0 for row in trace.rows)


class Fused:
    """The whole graph in two steps, as a plan-making backend has them."""

    def __init__(self, walk):
        self.walk = walk
        self.traced = []

    def __call__(self, inputs):
        return self.walk(inputs)

    def trace(self, inputs):
        self.traced.append({name: x.shape for name, x in inputs.items()})
        return [
            StepTime(("conv", "act"), "conv+act", "rows 2x1", "act", 0.5),
            StepTime((), "copy of act", "turn", "act", 0.25),
        ]


def test_an_executable_that_fuses_layers_gives_its_own_steps():
    made = []

    class Planner(Backend):
        name = "planner"

        def compile(self, graph, shapes, weights=None):
            made.append(Fused(super().compile(graph, shapes, weights)))
            return made[-1]

    trace = Session(net(), Planner(np), fold=False).trace(floats(2, 3, 6, 6))
    # Compiled once, as a whole, and given stored arrays: channels last.
    assert [fused.traced for fused in made] == [[{"data": (2, 6, 6, 3)}]]
    assert trace.rows == (
        TraceRow("conv+act", "Conv2D+PReLU", (2, 4, 4, 4), 0.5, 2 * (CONV + PRELU), "rows 2x1"),
        TraceRow("copy of act", "copy", (2, 4, 4, 4), 0.25, 0, "turn"),
    )
    assert "mul-adds  rows 2x1  (2, 4, 4, 4)" in str(trace)
    assert {"kernel", "rows 2x1"} <= set(Cells(trace._repr_html_()).text)
    assert json.loads(json.dumps(trace.to_dict()))["rows"][1]["kernel"] == "turn"
    assert trace.to_dict()["seconds"] == 0.75


def test_what_the_host_does_follows_the_steps():
    graph = Graph(
        (GraphInput("x", (None, 3, None, None)),),
        (
            Node("r", Activation("relu"), ("x",), ("r",)),
            Node("h", Positive(), ("r",), ("h",)),
        ),
        ("h",),
    )

    class Planner(Backend):
        def compile(self, graph, shapes, weights=None):
            fused = Fused(super().compile(graph, shapes, weights))
            fused.trace = lambda inputs: [StepTime(("r",), "r", "k", "r", 0.5)]
            return fused

    rows = Session(graph, Planner(np)).trace(floats(1, 3, 2, 2)).rows
    assert [(row.name, row.kernel) for row in rows] == [("r", "k"), ("h", "")]


def test_layers_that_run_alone_have_no_kernel():
    trace = Session(net(), "numpy").trace(floats(1, 3, 6, 6))
    assert {row.kernel for row in trace.rows} == {""}
    assert "kernel" not in Cells(trace._repr_html_()).text


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (np.zeros((1, 3, 6, 6)), InputError),
        (np.zeros((1, 4, 6, 6), np.float32), ShapeError),
        (np.zeros((1, 3, 2, 2), np.float32), ShapeError),
        ({}, InputError),
        (None, InputError),
    ],
)
def test_a_trace_refuses_what_a_call_refuses(wrong, kind):
    with pytest.raises(kind):
        Session(net(), "numpy").trace(wrong)


# Text and HTML -------------------------------------------------------------------------------


class Cells(html.parser.HTMLParser):
    """Collects tags and text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text.append(data)


EVIL = '<script>alert("&")</script>'


def test_names_are_escaped():
    graph = net(name=EVIL, layer=EVIL)
    session = Session(graph, "numpy")
    for text in (session._repr_html_(), session.trace(floats(1, 3, 6, 6))._repr_html_()):
        cells = Cells(text)
        assert "script" not in cells.tags
        assert EVIL in cells.text
        assert cells.tags[0] == "table"


def test_the_table_has_every_layer_and_the_total():
    cells = Cells(Session(net(), "numpy")._repr_html_())
    assert cells.tags.count("tr") == 1 + 3 + 1
    for text in ("conv", "PReLU", "1 x 4 x 4 x 4", "total", f"{CONV:,}", "116"):
        assert text in cells.text


def test_cells_of_all_kinds():
    cells = Cells(html_table(("a",), [((1, 2),), (None,), (12345,), ("<",)], "t"))
    assert cells.text == ["t", "a", "1 x 2", "12,345", "<"]


def test_a_trace_as_text_has_a_line_a_layer():
    lines = str(Session(net(), "numpy").trace(floats(1, 3, 6, 6))).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("conv  Conv2D")
    assert lines[-1].startswith("total")
    assert lines[-1].endswith("on numpy")
