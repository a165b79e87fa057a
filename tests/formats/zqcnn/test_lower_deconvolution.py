"""DeConvolution against its definition and against PyTorch."""

import numpy as np
import pytest

from zqcnn_xp.ops.conv_transpose2d import ConvTranspose2D

X = np.random.default_rng(7).normal(size=(2, 3, 4, 5)).astype(np.float32)
SOURCE = "C=3 H=4 W=5"


def line(keys, outputs=2):
    return f"DeConvolution name=l bottom=x top=y num_output={outputs} {keys}"


def by_definition(x, weight, bias, stride, pads, dilation=(1, 1)):
    """Zeros between the cells, pads around them, then a plain correlation."""
    n, c, h, w = x.shape
    spread = np.zeros((n, c, (h - 1) * stride[0] + 1, (w - 1) * stride[1] + 1))
    spread[:, :, :: stride[0], :: stride[1]] = x
    top, bottom, left, right = pads
    spread = np.pad(spread, ((0, 0), (0, 0), (top, bottom), (left, right)))
    kh, kw = weight.shape[2:]
    rows = spread.shape[2] - (kh - 1) * dilation[0]
    columns = spread.shape[3] - (kw - 1) * dilation[1]
    out = np.zeros((n, len(weight), rows, columns))
    for i in range(kh):
        for j in range(kw):
            y, z = i * dilation[0], j * dilation[1]
            view = spread[:, :, y : y + rows, z : z + columns]
            out += np.einsum("nchw,oc->nohw", view, weight[:, :, i, j])
    return out + bias[:, None, None]


@pytest.mark.parametrize(
    ("keys", "stride", "pads", "dilation"),
    [
        ("kernel_size=3", (1, 1), (0, 0, 0, 0), (1, 1)),
        ("kernel_size=3 stride=2 pad=1", (2, 2), (1, 1, 1, 1), (1, 1)),
        ("kernel_size=3 stride=2 pad=4", (2, 2), (4, 4, 4, 4), (1, 1)),
        ("kernel_size=3 stride=2 pad=2 pad_type=VALID", (2, 2), (2, 2, 2, 2), (1, 1)),
        (
            "kernel_H=2 kernel_W=3 stride_H=3 stride_W=2 pad_H_top=1 pad_W_right=2",
            (3, 2),
            (1, 0, 0, 2),
            (1, 1),
        ),
        ("kernel_size=2 dilate_H=2 dilate_W=3 pad=1 stride=2", (2, 2), (1, 1, 1, 1), (2, 3)),
        # SAME: size * stride, and ceil(half) of what that needs stands in front.
        ("kernel_size=3 stride=2 pad_type=SAME", (2, 2), (2, 1, 2, 1), (1, 1)),
        ("kernel_size=4 stride=2 pad_type=SAME", (2, 2), (2, 2, 2, 2), (1, 1)),
        (
            "kernel_size=3 stride=2 pad_type=SAME output_H=7 output_W=9",
            (2, 2),
            (1, 1, 1, 1),
            (1, 1),
        ),
    ],
)
def test_values(zq, keys, stride, pads, dilation):
    size = (2, 3) if "kernel_H" in keys else (int(keys[12]),) * 2
    rng = np.random.default_rng(1)
    weight = rng.normal(size=(2, 3, *size)).astype(np.float32)
    bias = np.float32([0.5, -2])
    want = by_definition(X, weight, bias, stride, pads, dilation)
    for compat in (None, "zqcnn"):
        graph = zq.read(
            line(keys + " bias"), weights=zq.floats(weight, bias), source=SOURCE, compat=compat
        )
        found = zq.run(graph, X)
        assert found.shape == want.shape
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-5)
    shapes = graph.shapes({"x": X.shape})
    assert graph.nodes[0].op.muladds(X.shape) == 2 * (
        4 * 5 * 2 * 3 * size[0] * size[1] + shapes["y"][1] * shapes["y"][2] * shapes["y"][3]
    )


def test_a_turned_weight_of_pytorch(zq):
    torch = pytest.importorskip("torch")
    weight = np.random.default_rng(2).normal(size=(3, 2, 4, 4)).astype(np.float32)
    want = torch.nn.functional.conv_transpose2d(
        torch.from_numpy(X), torch.from_numpy(weight), stride=2, padding=1
    )
    stored = weight.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
    graph = zq.read(line("kernel_size=4 stride=2 pad=2"), weights=zq.floats(stored), source=SOURCE)
    np.testing.assert_allclose(zq.run(graph, X), want.numpy(), rtol=1e-5, atol=1e-5)


def test_another_size_than_the_declared_one(zq):
    text = line("kernel_size=3 stride=2 pad_type=SAME output_H=10")
    right, original = (zq.read(text, source=SOURCE, compat=c) for c in (None, "zqcnn"))
    for graph in (right, original):
        assert graph.shapes({"x": (1, 3, 4, 5)})["y"] == (1, 2, 10, 10)
    # The original computes the crop once; the size that it asks for is that of the declared map.
    assert right.shapes({"x": (1, 3, 6, 5)})["y"] == (1, 2, 10, 10)
    assert original.shapes({"x": (1, 3, 6, 5)})["y"] == (1, 2, 14, 10)
    assert zq.op(text, source="C=3").size == (10, 0)


@pytest.mark.parametrize(
    ("keys", "match"),
    [
        ("", "without 'kernel_h'"),
        ("kernel_size=2 output_H=3", "output_H=3 output_W=0 without pad_type=SAME"),
        ("kernel_size=2 stride=0", "stride=0"),
        ("kernel_size=2 pad_type=FULL", "pad_type=FULL"),
        ("kernel_size=9999999 stride=9999999", r"Limits\.max_elements"),
    ],
)
def test_what_is_refused(zq, keys, match):
    assert zq.fails(match, line(keys), source=SOURCE).where == "line 2"


def test_a_size_to_freeze_has_to_be_declared(zq):
    text = line("kernel_size=3 stride=2 pad_type=SAME")
    zq.fails("Input declares no H and W", text, source="C=3", compat="zqcnn")
    assert isinstance(zq.op(text, source="C=3"), ConvTranspose2D)
