"""ConvTranspose, blocks of pixels, picking and repeating cells, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp import FormatError
from zqcnn_xp.formats.onnx import reader


def values(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_transposed_convolution(models, data):
    axes = data.draw(st.sampled_from([1, 2, 2]))
    draw = lambda low, high: [data.draw(st.integers(low, high)) for _ in range(axes)]  # noqa: E731
    kernel, strides, dilations = draw(1, 4), draw(1, 3), draw(1, 2)
    groups = data.draw(st.sampled_from([1, 1, 2, 3]))
    weight = values((groups * 2, data.draw(st.integers(1, 2)), *kernel), 1)
    constants = {"w": weight}
    if data.draw(st.booleans()):
        constants["b"] = values(weight.shape[1] * groups, 2)
    attributes = {"strides": strides, "dilations": dilations, "group": groups}
    extra = [data.draw(st.integers(0, s - 1)) for s in strides]
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    x = values((2, groups * 2, *draw(2, 5)))
    style = data.draw(st.sampled_from(["plain", "pads", "shape", "SAME_UPPER", "SAME_LOWER"]))
    if style == "pads":
        attributes["pads"] = [data.draw(st.integers(0, s // 2)) for s in [*spans, *spans]]
        attributes["output_padding"] = extra
    elif style == "shape":
        full = [(n - 1) * s + k for n, s, k in zip(x.shape[2:], strides, spans, strict=True)]
        attributes["output_shape"] = [
            f - data.draw(st.integers(0, k - 1)) for f, k in zip(full, spans, strict=True)
        ]
    elif style != "plain" and all(k >= s for k, s in zip(spans, strides, strict=True)):
        attributes["auto_pad"] = style
    free = () if style == "shape" else data.draw(st.sampled_from([(), (0,), (0, 2)]))
    models.compare(models.one("ConvTranspose", x, constants, 13, free, **attributes), {"x": x})


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_blocks_of_pixels(models, mode):
    x = values((2, 12, 3, 4))
    made = models.one("DepthToSpace", x, {}, 13, (0, 2, 3), blocksize=2, mode=mode)
    models.compare(made, {"x": x})
    x = values((2, 3, 4, 6))
    models.compare(models.one("SpaceToDepth", x, {}, 13, (0,), blocksize=2), {"x": x})


@pytest.mark.parametrize(
    ("axis", "indices"),
    [(1, 3), (1, -1), (-1, [2]), (2, [0, 1, 2]), (1, [3, 0, 1, -1]), (3, [1, 1])],
)
def test_gather(models, axis, indices):
    x = values((2, 4, 5, 3))
    made = models.one("Gather", x, {"i": np.int64(indices)}, 13, (0,), axis=axis)
    models.compare(made, {"x": x})


def test_repeats(models):
    x = values((2, 1, 3, 4))
    models.compare(models.one("Tile", x, {"r": np.int64([1, 2, 1, 3])}, 13, (0,)), {"x": x})
    models.compare(models.one("Expand", x, {"s": np.int64([1, 5, 3, 1])}), {"x": x})
    models.compare(models.one("Expand", x, {"s": np.int64([1])}), {"x": x})


@pytest.mark.parametrize(
    ("op_type", "constants", "attributes", "detail"),
    [
        ("Gather", {"i": np.int64([4])}, {"axis": 1}, "its cells"),
        ("Gather", {"i": np.int64([[0]])}, {"axis": 1}, "indices of type"),
        ("Gather", {"i": np.int64([0, 2] * 400)}, {"axis": 1}, "ranges"),
        ("DepthToSpace", {}, {"blocksize": 3}, "blocks of 3"),
        ("Tile", {"r": np.int64([1, 2])}, {}, "repeats"),
        ("Expand", {"s": np.int64([3, 3])}, {}, "broadcasts"),
        ("Expand", {"s": np.int64([2, 2, 4, 5, 5])}, {}, "as many axes"),
        ("ConvTranspose", {"w": np.ones((4, 2, 3, 3), np.float32)}, {"group": 3}, "'group' = 3"),
        ("ConvTranspose", {"w": np.ones((4, 2, 1, 1), np.float32)},
         {"output_shape": [7]}, "output_shape"),
        ("ConvTranspose", {"w": np.ones((4, 2, 1, 1), np.float32)},
         {"strides": [2, 2], "auto_pad": "SAME_UPPER"}, "wanted output size"),
    ],
)  # fmt: skip
def test_refusals_name_the_node(models, op_type, constants, attributes, detail):
    data = models.one(op_type, values((2, 4, 5, 5)), constants, **attributes)
    with pytest.raises(FormatError, match=f"the_node.*{detail}"):
        reader.read(data)
