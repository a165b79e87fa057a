"""Layers that read several others."""

import numpy as np
import pytest

CONV = "[conv] filters={} size=1 activation=linear"


def blobs(dk, graph, x, *names):
    from zqcnn_xp import Session

    found = Session(graph, "numpy")(x, list(names))
    return [found[name] for name in names]


@pytest.mark.parametrize("layers", ["-1,0", "1, -2", "0,0,-1", "-1,"])
def test_route(dk, layers):
    graph = dk.read(CONV.format(3), CONV.format(5), f"[route] layers={layers.replace(' ', '')}")
    x = dk.noise(2, 4, 6, 8)
    *made, found = blobs(dk, graph, x, "convolutional_0", "convolutional_1", "route_2")
    numbers = [int(n) for n in layers.rstrip(",").split(",")]
    want = np.concatenate([made[n + 2 if n < 0 else n] for n in numbers], axis=1)
    np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize("group", [0, 1, 2])
def test_route_groups(dk, group):
    graph = dk.read(
        CONV.format(3), CONV.format(6), f"[route] layers=-1,0 groups=3 group_id={group}"
    )
    a, b, found = blobs(
        dk, graph, dk.noise(1, 4, 6, 8), "convolutional_0", "convolutional_1", "route_2"
    )
    want = np.concatenate([b[:, 2 * group : 2 * group + 2], a[:, group : group + 1]], axis=1)
    np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize(("first", "second"), [(5, 5), (3, 5), (5, 3)])
def test_shortcut(dk, first, second):
    graph = dk.read(CONV.format(first), CONV.format(second), "[shortcut] from=-2 activation=leaky")
    a, b, found = blobs(
        dk, graph, dk.noise(2, 4, 6, 8), "convolutional_0", "convolutional_1", "shortcut_2"
    )
    want = b.copy()
    both = min(first, second)
    want[:, :both] += a[:, :both]
    np.testing.assert_allclose(found, np.where(want > 0, want, 0.1 * want), atol=1e-6)


def test_shortcut_of_several_layers_and_with_factors(dk):
    parts = (CONV.format(5), CONV.format(5), CONV.format(5))
    names = ("convolutional_0", "convolutional_1", "convolutional_2", "shortcut_3")
    x = dk.noise(1, 4, 6, 8)
    a, b, c, found = blobs(dk, dk.read(*parts, "[shortcut] from=-2,0"), x, *names)
    np.testing.assert_allclose(found, a + b + c, atol=1e-6)
    weighted = dk.read(*parts, "[shortcut] from=-2 alpha=.5 beta=2")
    a, b, c, found = blobs(dk, weighted, x, *names)
    np.testing.assert_allclose(found, 0.5 * c + 2 * b, atol=1e-6)


def test_scale_channels(dk):
    graph = dk.read(CONV.format(5), "[avgpool]", "[scale_channels] from=-2 activation=relu")
    a, b, found = blobs(
        dk, graph, dk.noise(2, 4, 6, 8), "convolutional_0", "avgpool_1", "scale_channels_2"
    )
    np.testing.assert_allclose(found, np.maximum(a * b, 0), atol=1e-6)


def test_scale_of_places(dk):
    graph = dk.read(CONV.format(5), CONV.format(1), "[scale_channels] from=-2 scale_wh=1")
    a, b, found = blobs(
        dk, graph, dk.noise(2, 4, 6, 8), "convolutional_0", "convolutional_1", "scale_channels_2"
    )
    np.testing.assert_allclose(found, a * b, atol=1e-6)


def test_sam(dk):
    graph = dk.read(CONV.format(5), "[conv] filters=5 activation=logistic", "[sam] from=-2")
    a, b, found = blobs(
        dk, graph, dk.noise(2, 4, 6, 8), "convolutional_0", "convolutional_1", "sam_2"
    )
    np.testing.assert_allclose(found, a * b, atol=1e-6)


@pytest.mark.parametrize(
    ("section", "match"),
    [
        ("[route]", r"line 9, \[route\]: found no 'layers'"),
        ("[route] layers=1", "layer 1 for 'route_1'.*one of the 1 layers before it: -1 to -1"),
        ("[route] layers=-2", "layer -2"),
        ("[route] layers=2147483647", "layer 2147483647"),
        ("[route] layers=", "layers="),
        ("[route] layers=0,x", "layers=x"),
        ("[route] layers=0 groups=3", "groups=3 for the 5 channels"),
        ("[route] layers=0 groups=5 group_id=5", "group_id=5"),
        ("[route] layers=0 groups=0", "groups=0"),
        ("[shortcut] from=1", "layer 1 for"),
        ("[shortcut]", "no 'from'"),
        ("[shortcut] from=0 weights_type=per_channel", "weights_type=per_channel"),
        ("[scale_channels] from=-1", "factors of shape"),
        ("[sam] from=9", "layer 9"),
    ],
)
def test_refusals(dk, section, match):
    dk.fails(match, CONV.format(5), section)


def test_maps_of_different_sizes(dk):
    small = "[maxpool] size=2 stride=2"
    dk.fails("expected equal shapes", CONV.format(5), small, "[shortcut] from=-2")
    dk.fails("expected equal sizes off axis 1", CONV.format(5), small, "[route] layers=-1,-2")
    dk.fails("equal shapes", CONV.format(5), small, "[sam] from=-2")
