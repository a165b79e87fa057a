"""16-bit sessions: what they compute, what they refuse, what they report."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import zqcnn_xp
from zqcnn_xp import Session
from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError, PrecisionError
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import BatchNorm, Conv2D, PReLU, Softmax
from zqcnn_xp.passes.reduce_precision import reduce_precision

HALVES = ["float16", "bfloat16"]


def network(gain=1.0, last=4):
    """Two convolutions with a batch norm that folding does not reach, and a softmax."""
    rng = np.random.default_rng(0)

    def drawn(*shape, scale=1.0):
        return (rng.normal(size=shape) * scale).astype(np.float32)

    ones = np.ones(8, np.float32)
    nodes = (
        Node("c1", Conv2D(8, (3, 3), activation=PReLU()), ("x",), ("a",),
             {"weight": drawn(3, 3, 3, 8, scale=0.2 * gain), "bias": drawn(8), "slope": ones / 4}),
        Node("bn", BatchNorm(1e-5), ("a",), ("b",),
             {"mean": drawn(8), "variance": ones, "scale": ones, "bias": drawn(8)}),
        Node("c2", Conv2D(last, (1, 1)), ("b",), ("c",),
             {"weight": drawn(1, 1, 8, last, scale=0.3), "bias": drawn(last)}),
        Node("s", Softmax(1), ("c",), ("d",)),
    )  # fmt: skip
    return Graph((GraphInput("x", (None, 3, None, None)),), nodes, ("c", "d")).validate()


def image(seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, (2, 3, 9, 11)).astype(np.float32)


def backends(precision):
    found = [] if precision == "bfloat16" else ["numpy"]
    found.append("jax")
    return found


@pytest.mark.parametrize("precision", HALVES)
def test_results_are_near_and_float32(precision):
    exact = Session(network(), "numpy")(image())
    for name in backends(precision):
        session = Session(network(), name, precision=precision)
        found = session(image())
        for blob, want in exact.items():
            assert found[blob].dtype == np.float32
            # 8 bits of bfloat16's mantissa, 11 of float16's, over two layers.
            bound = {"float16": 5e-3, "bfloat16": 4e-2}[precision] * np.abs(want).max()
            np.testing.assert_allclose(found[blob], want, rtol=0, atol=bound)
            assert not np.array_equal(found[blob], want)


def test_torch_computes_in_both_types():
    torch = pytest.importorskip("torch")
    for precision in HALVES:
        session = Session(network(), Backend(torch), precision=precision)
        assert session(image(), "c")["c"].dtype == np.float32
        assert session.backend.dtype == precision


def test_what_is_computed_in_which_type():
    graph = reduce_precision(network(), "float16")
    every = replace(graph, outputs=tuple(v for v in graph.values if v != "x"))
    run = zqcnn_xp.get_backend("numpy").with_dtype("float16").compile(every, {"x": (2, 3, 9, 11)})
    kinds = {name: str(y.dtype) for name, y in run({"x": image().transpose(0, 2, 3, 1)}).items()}
    assert kinds["x:float16"] == kinds["a"] == kinds["c:float16"] == "float16"
    # The batch norm and the softmax get float32; requested outputs keep their names.
    assert kinds["a:float32"] == kinds["b"] == kinds["c"] == kinds["d"] == "float32"
    assert [s.name for s in graph.inputs] == ["x"]
    assert graph.outputs == ("c", "d")


def test_a_type_the_library_lacks_is_refused():
    with pytest.raises(InputError, match=r"numpy.*bfloat16"):
        Session(network(), "numpy", precision="bfloat16")
    with pytest.raises(InputError, match="float32, float16, bfloat16"):
        Session(network(), "numpy", precision="half")


def test_activations_out_of_range_are_refused_by_name():
    with pytest.raises(PrecisionError, match=r"value 'a'.*float16 \(up to 6.55e\+04\)"):
        Session(network(gain=6e4), "numpy", precision="float16")
    Session(network(gain=1e6), "jax", precision="bfloat16")


def test_weights_out_of_range_are_refused_by_name():
    with pytest.raises(PrecisionError, match=r"'c1'.*its weight"):
        Session(network(gain=1e7), "numpy", precision="float16")


def test_the_calibration_input_decides():
    loud = image() * np.float32(1e5)
    Session(network(), "numpy", precision="float16")
    with pytest.raises(PrecisionError):
        Session(network(), "numpy", precision="float16", calibration=loud)


def test_report():
    session = Session(network(), "numpy", precision="float16")
    report = session.precision_report(image())
    assert [row.blob for row in report.rows] == ["c", "d"]
    assert all(0 < row.relative < 5e-3 for row in report.rows)
    assert report.limit == 65504
    assert report.largest_activation > 0
    assert report.largest_at in str(report)
    assert report.to_dict()["precision"] == "float16"


def test_the_given_backend_stays_as_it_is():
    backend = zqcnn_xp.get_backend("numpy")
    Session(network(), backend, precision="float16")
    assert backend.dtype == "float32"


@pytest.mark.filterwarnings("ignore::zqcnn_xp.errors.TrailingWeightsWarning")
@pytest.mark.parametrize("net", ["det1-dw20-fast", "det2-dw24-fast", "det3-dw48-fast"])
def test_networks_of_huge_activations(net, shared_data):
    """ZQCNN's fast networks reach 1e5 and more: too much for float16."""
    files = [shared_data / "zqcnn" / f"{net}{end}" for end in (".zqparams", ".nchwbin")]
    with pytest.raises(PrecisionError, match="float16"):
        zqcnn_xp.load(*files, backend="numpy", precision="float16")


def test_an_embedding_survives_float16(shared_data):
    files = [shared_data / "zqcnn" / f"mobilefacenet-v1{e}" for e in (".zqparams", ".nchwbin")]
    with pytest.warns(zqcnn_xp.errors.TrailingWeightsWarning):
        session = zqcnn_xp.load(*files, backend="jax", compat="zqcnn", precision="float16")
    x = np.random.default_rng(0).uniform(-1, 1, (2, 3, 112, 112)).astype(np.float32)
    assert session.precision_report(x).rows[0].relative < 2e-2
