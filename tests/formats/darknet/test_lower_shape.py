"""Layers that rearrange: upsample, reorg, softmax, crop, and those that do nothing."""

import numpy as np
import pytest


@pytest.mark.parametrize("stride", [1, 2, 3, 7, 49])
def test_upsample(dk, stride):
    x = dk.noise(1, 4, 3, 5)
    found = dk.run(dk.read(f"[upsample] stride={stride}"), x)
    np.testing.assert_array_equal(found, x.repeat(stride, 2).repeat(stride, 3))


def test_upsample_scales(dk):
    x = dk.noise(1, 4, 3, 5)
    found = dk.run(dk.read("[upsample] scale=.5"), x)
    np.testing.assert_array_equal(found, 0.5 * x.repeat(2, 2).repeat(2, 3))


def reorg(x, stride):
    """What Darknet's loop does: it walks the output as the (C, H, W) that the input has."""
    n, c, h, w = x.shape
    flat, out = x.ravel(), np.zeros(x.size, x.dtype)
    inner = c // (stride * stride)
    for b in range(n):
        for k in range(c):
            for j in range(h):
                for i in range(w):
                    place, channel = divmod(k, inner)
                    row, column = j * stride + place // stride, i * stride + place % stride
                    source = column + w * stride * (row + h * stride * (channel + inner * b))
                    out[i + w * (j + h * (k + c * b))] = flat[source]
    return out.reshape(n, c * stride * stride, h // stride, w // stride)


def test_reorg_of_yolo_2(dk):
    x = dk.noise(2, 8, 6, 4)
    found = dk.run(dk.read("[reorg] stride=2", shape=(8, 6, 4)), x)
    np.testing.assert_array_equal(found, reorg(x, 2))


def test_reorg3d(dk):
    x = dk.noise(2, 3, 6, 4)
    found = dk.run(dk.read("[reorg3d] stride=2", shape=(3, 6, 4)), x)
    parts = [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    np.testing.assert_array_equal(found, np.concatenate(parts, axis=1))


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@pytest.mark.parametrize("temperature", [1, 2.5])
@pytest.mark.parametrize("groups", [1, 2])
def test_softmax(dk, groups, temperature):
    x = dk.noise(3, 4, 6, 8)
    options = f"groups={groups} temperature={temperature}"
    want = softmax(x.reshape(3, groups, -1).astype(np.float64) / temperature, 2)
    found = dk.run(dk.read(f"[softmax] {options}"), x)
    np.testing.assert_allclose(found, want.reshape(3, -1, 1, 1), rtol=1e-5)
    pooled = x.mean((2, 3), keepdims=True)
    want = softmax(pooled.reshape(3, groups, -1).astype(np.float64) / temperature, 2)
    found = dk.run(dk.read("[avgpool]", f"[softmax] {options}"), x)
    np.testing.assert_allclose(found, want.reshape(3, 4, 1, 1), rtol=1e-5)


def test_spatial_softmax(dk):
    x = dk.noise(1, 4, 6, 8)
    found = dk.run(dk.read("[softmax] spatial=1"), x)
    np.testing.assert_allclose(found, softmax(x, 1), rtol=1e-5)


def test_crop_of_the_whole_image_is_the_identity(dk):
    x = dk.noise(1, 4, 6, 8)
    graph = dk.read("[crop] crop_height=6 crop_width=8 flip=1 angle=5 noadjust=1")
    np.testing.assert_array_equal(dk.run(graph, x), x)
    assert [type(node.op).__name__ for node in graph.nodes] == ["Identity"]
    assert graph.inputs[0].shape == (None, 4, None, None)


def test_crop_takes_the_middle_and_adjusts(dk):
    x = dk.noise(1, 4, 6, 8)
    graph = dk.read("[crop] crop_height=3 crop_width=5")
    np.testing.assert_allclose(dk.run(graph, x), 2 * x[:, :, 1:4, 1:6] - 1, atol=1e-6)
    assert graph.inputs[0].shape == (None, 4, 6, 8)


def test_layers_that_do_nothing(dk):
    x = dk.noise(1, 4, 6, 8)
    graph = dk.read("[dropout] probability=.5", "[empty]", "[activation]", "[cost]")
    assert graph.outputs == ("activation_2",)
    np.testing.assert_array_equal(dk.run(graph, x), x)
    graph = dk.read("[logistic]")
    np.testing.assert_allclose(dk.run(graph, x), 1 / (1 + np.exp(-x)), rtol=1e-5)


@pytest.mark.parametrize(
    ("section", "match"),
    [
        ("[upsample] stride=-2", "stride=-2"),
        ("[upsample] stride=65536", "Limits.max_elements"),
        ("[reorg] stride=4", "divisible by 4"),
        ("[reorg] stride=2 reverse=1", "reverse=1"),
        ("[reorg] stride=0", "stride=0"),
        ("[softmax] tree=9k.tree", "a word tree"),
        ("[softmax] groups=7", "dims"),
        ("[softmax] temperature=0", "temperature=0"),
        ("[crop] crop_height=7 crop_width=8", "crop_height=7"),
        ("[activation] activation=plse", "activation=plse"),
        ("[cost]", "layers alone"),
    ],
)
def test_refusals(dk, section, match):
    dk.fails(match, section)
