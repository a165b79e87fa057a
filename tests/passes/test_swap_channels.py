"""RGB weights for BGR images and back."""

import numpy as np
import pytest

import zqcnn_xp
from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import GraphError
from zqcnn_xp.formats.zqcnn import reader
from zqcnn_xp.passes.swap_channels import swap_rgb_bgr
from zqcnn_xp.session import Session

X = np.random.default_rng(1).normal(size=(2, 3, 6, 6)).astype(np.float32)
CONV = "Convolution name=Conv1 bottom=x top=y num_output=4 kernel_size=3"
DENSE = "InnerProduct name=fc bottom=x top=z num_output=4 bias"
PRIOR = "PriorBox name=pr bottom=y bottom=x top=boxes min_size=2"
DW = "DepthwiseConvolution name=dw bottom=x top=y num_output=3 kernel_size=1"


def read(*lines, channels=3):
    text = "\n".join([f"Input name=x C={channels} H=6 W=6", *lines])
    return reader.read(text.encode(), "random")


def run(graph, x, blob="y"):
    return Session(graph, Backend(np))(np.ascontiguousarray(x), blob)[blob]


@pytest.mark.parametrize(
    ("lines", "blob"),
    [
        ([CONV], "y"),
        ([DENSE], "z"),
        (["Copy name=c bottom=x top=x", CONV], "y"),
        ([CONV, PRIOR, "PReLU name=p bottom=y top=y"], "y"),
        ([CONV, DENSE], "z"),
        ([CONV.replace("Convolution", "DeConvolution")], "y"),
        ([CONV, "PriorBox_MXNET name=pm bottom=x top=boxes size=1"], "y"),
    ],
)
def test_swapped_weights_take_swapped_images(lines, blob):
    graph = read(*lines)
    swapped = swap_rgb_bgr(graph)
    want = run(graph, X[:, ::-1], blob)
    np.testing.assert_allclose(run(swapped, X, blob), want, rtol=1e-5, atol=1e-6)
    assert np.abs(run(graph, X, blob) - want).max() > 1e-3


def test_twice_is_nothing():
    graph = read(CONV)
    twice = swap_rgb_bgr(swap_rgb_bgr(graph))
    np.testing.assert_array_equal(
        twice.nodes[0].weights["weight"], graph.nodes[0].weights["weight"]
    )


def test_the_original_graph_stays():
    graph = read(CONV)
    before = graph.nodes[0].weights["weight"].copy()
    swap_rgb_bgr(graph)
    np.testing.assert_array_equal(graph.nodes[0].weights["weight"], before)


@pytest.mark.parametrize("names", ["conv1", ["CONV1"], ("Conv1",)])
def test_named_layers(names):
    graph = read(CONV, DENSE)
    swapped = swap_rgb_bgr(graph, names)
    assert swapped.nodes[1] is graph.nodes[1]
    assert not np.array_equal(swapped.nodes[0].weights["weight"], graph.nodes[0].weights["weight"])


@pytest.mark.parametrize(
    ("lines", "names", "match"),
    [
        ([CONV], ["con1"], "no layer 'con1'.*did you mean 'Conv1'"),
        ([DW], None, "'dw'.*found no kernel over all channels"),
        (["ReLU name=r bottom=x top=y"], None, "'r'.*found no kernel"),
        (["Copy name=r bottom=x top=y"], None, "no layer that reads the input"),
        (
            [CONV, "Convolution name=c2 bottom=y top=z num_output=1 kernel_size=1"],
            ["c2"],
            "found 4 input channels, expected a convolution over 3",
        ),
    ],
)
def test_refused(lines, names, match):
    with pytest.raises(GraphError, match=match):
        swap_rgb_bgr(read(*lines), names)


def test_one_channel_is_refused():
    with pytest.raises(GraphError, match="found 1 input channels"):
        swap_rgb_bgr(read(CONV, channels=1))


def test_a_real_net_on_a_swapped_image(shared_data):
    folder = shared_data / "zqcnn"
    graph = reader.read(folder / "det1.zqparams", folder / "det1_bgr.nchwbin")
    with np.load(shared_data / "golden" / "zqcnn" / "det1_bgr.npz") as golden:
        x, want = golden["input"], golden["out/prob1"]
    np.testing.assert_allclose(run(swap_rgb_bgr(graph), x[:, ::-1], "prob1"), want, atol=1e-4)


def test_a_session_of_the_other_colour_order():
    text = b"Input name=x C=3\nConvolution name=c bottom=x top=y num_output=4 kernel_size=3 bias"
    for precision in ("float32", "float16"):
        session = zqcnn_xp.load(text, "random:3", backend="numpy", precision=precision)
        x = np.random.default_rng(0).uniform(-1, 1, (1, 3, 6, 6)).astype(np.float32)
        swapped = session.swap_rgb_bgr()
        assert swapped.precision == precision
        np.testing.assert_allclose(swapped(x[:, ::-1])["y"], session(x)["y"], atol=2e-3)
        assert not np.allclose(swapped(x)["y"], session(x)["y"], atol=2e-2)
