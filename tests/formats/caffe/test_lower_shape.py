"""Layers that move elements."""

import numpy as np
import pytest


def same(found, want):
    np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize(("text", "axis"), [("", 1), ("axis: 2", 2), ("axis: -1", 3),
                                            ("concat_dim: 2", 2)])  # fmt: skip
def test_concat(cf, text, axis):
    x, y = cf.noise(1, 4, 6, 8), cf.noise(1, 4, 6, 8, seed=1)
    found = cf.one("Concat", f"concat_param {{ {text} }}", x, inputs={"q": y})
    same(found, np.concatenate([x, y], axis))


@pytest.mark.parametrize(
    ("text", "axis", "ends"),
    [("", 1, [2, 4]), ("axis: 3", 3, [4, 8]), ("slice_dim: 2", 2, [3, 6]),
     ("slice_point: 1", 1, [1, 4]), ("axis: -1 slice_point: 5", 3, [5, 8])],
)  # fmt: skip
def test_slice(cf, text, axis, ends):
    x = cf.noise(1, 4, 6, 8)
    graph = cf.read(cf.layer("Slice", f"slice_param {{ {text} }}", "x", "p q"))
    want = np.split(x, [ends[0]], axis)
    for name, part in zip(("p", "q"), want, strict=True):
        same(cf.run(graph, x, name), part)
    equal_parts = "point" not in text and axis > 1
    assert (graph.inputs[0].shape[2] is None) != equal_parts


@pytest.mark.parametrize("order", [(0, 2, 3, 1), (0, 3), (1, 0, 3, 2)])
def test_permute(cf, order):
    x = cf.noise(2, 4, 3, 5)
    full = (*order, *(k for k in range(4) if k not in order))
    text = " ".join(f"order: {k}" for k in order)
    same(cf.one("Permute", f"permute_param {{ {text} }}", x), x.transpose(full))


@pytest.mark.parametrize(("text", "shape"), [("", (2, 60)), ("axis: 2", (2, 4, 15)),
                                             ("axis: 1 end_axis: 2", (2, 12, 5)),
                                             ("axis: -3 end_axis: -2", (2, 12, 5))])  # fmt: skip
def test_flatten(cf, text, shape):
    x = cf.noise(2, 4, 3, 5)
    same(cf.one("Flatten", f"flatten_param {{ {text} }}", x), x.reshape(shape))


@pytest.mark.parametrize(
    ("dims", "text", "shape"),
    [
        ((0, -1), "", (2, 60)),
        ((2, -1, 5), "", (2, 12, 5)),
        ((-1, 60), "", (2, 60)),
        ((4, 15), "axis: 1", (2, 4, 15)),
        ((15,), "axis: -3 num_axes: 2", (2, 4, 15)),
        ((12,), "axis: 1 num_axes: 2", (2, 12, 5)),
        ((1,), "axis: -1 num_axes: 0", (2, 4, 3, 5, 1)),
        ((1,), "num_axes: 0", (1, 2, 4, 3, 5)),
    ],
)
def test_reshape(cf, dims, text, shape):
    x = cf.noise(2, 4, 3, 5)
    listed = " ".join(f"dim: {d}" for d in dims)
    param = f"reshape_param {{ shape {{ {listed} }} {text} }}"
    same(cf.one("Reshape", param, x), x.reshape(shape))


@pytest.mark.parametrize("dims", [(1, -1, 2), (1, 96, 2), (-1, 96, 2), (1, -1)])
def test_a_stated_batch_follows_the_batch(cf, dims):
    listed = " ".join(f"dim: {d}" for d in dims)
    graph = cf.read(cf.layer("Reshape", f"reshape_param {{ shape {{ {listed} }} }}"))
    x = cf.noise(3, 4, 6, 8)
    rest = (96, 2) if len(dims) == 3 else (192,)
    same(cf.run(graph, x), x.reshape(3, *rest))


def test_crop(cf):
    x = cf.noise(1, 4, 6, 8)
    like = np.zeros((1, 2, 3, 4))
    same(cf.one("Crop", "", x, inputs={"q": like}), x[:, :, :3, :4])
    same(cf.one("Crop", "crop_param { offset: 2 }", x, inputs={"q": like}), x[:, :, 2:5, 2:6])
    found = cf.one("Crop", "crop_param { axis: 1 offset: [1, 2, 3] }", x, inputs={"q": like})
    same(found, x[:, 1:3, 2:5, 3:7])


@pytest.mark.parametrize("axis", [1, -1, 0])
def test_tile(cf, axis):
    x = cf.noise(2, 4, 3)
    repeats = [1, 1, 1]
    repeats[axis] = 3
    same(cf.one("Tile", f"tile_param {{ axis: {axis} tiles: 3 }}", x), np.tile(x, repeats))


def test_shuffle_channel(cf):
    x = cf.noise(2, 6, 3, 5)
    want = x.reshape(2, 3, 2, 3, 5).swapaxes(1, 2).reshape(x.shape)
    same(cf.one("ShuffleChannel", "shuffle_channel_param { group: 3 }", x), want)


@pytest.mark.parametrize("text", ["scale: 2", "stride: 2"])
def test_upsample(cf, text):
    x = cf.noise(1, 4, 3, 5)
    found = cf.one("Upsample", f"upsample_param {{ {text} }}", x)
    same(found, x.repeat(2, 2).repeat(2, 3))


def bilinear(x, size):
    for axis, out in zip((2, 3), size, strict=True):
        cells = x.shape[axis]
        place = np.arange(out) * ((cells - 1) / (out - 1) if out > 1 else 0)
        low = np.minimum(place.astype(int), cells - 1)
        high = np.minimum(low + 1, cells - 1)
        t = (place - low).reshape((-1, 1) if axis == 2 else (-1,))
        x = np.take(x, low, axis) * (1 - t) + np.take(x, high, axis) * t
    return x


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("height: 11 width: 3", (11, 3)),
        ("zoom_factor: 2", (11, 15)),
        ("shrink_factor: 2", (3, 4)),
        ("shrink_factor: 2 zoom_factor: 4", (9, 13)),
        ("height: 6 width: 8", (6, 8)),
        ("zoom_factor: 1", (6, 8)),
    ],
)
def test_interp(cf, text, size):
    x = cf.noise(1, 4, 6, 8)
    found = cf.one("Interp", f"interp_param {{ {text} }}", x)
    np.testing.assert_allclose(found, bilinear(x, size), atol=1e-5)


def test_interp_crops(cf):
    x = cf.noise(1, 4, 6, 8)
    found = cf.one("Interp", "interp_param { zoom_factor: 2 pad_beg: -1 pad_end: -2 }", x)
    np.testing.assert_allclose(found, bilinear(x[:, :, 1:4, 1:6], (5, 9)), atol=1e-5)
    assert cf.read(cf.layer("Interp", "interp_param { zoom_factor: 2 }")).inputs[0].shape == (
        None,
        4,
        6,
        8,
    )


@pytest.mark.parametrize(
    ("kind", "parameters", "match"),
    [
        ("Concat", "concat_param { axis: 4 }", "axis 4"),
        ("Slice", "slice_param { slice_point: 2 }", "for 1 tops"),
        ("Permute", "permute_param { order: [0, 0] }", "different axes"),
        ("Permute", "permute_param { order: 7 }", "different axes"),
        ("Flatten", "flatten_param { axis: 3 end_axis: 1 }", "Flatten"),
        ("Reshape", "reshape_param { shape { dim: -2 } }", "dim: -2"),
        ("Reshape", "reshape_param { shape { dim: [-1, -1] } }", "Reshape"),
        ("Reshape", "reshape_param { shape { dim: 7 } }", "Reshape"),
        ("Reshape", "reshape_param { shape { dim: 9223372036854775807 } }", "whole number"),
        ("Tile", "", "no tiles"),
        ("Tile", "tile_param { tiles: 0 }", "tiles: 0"),
        ("Tile", "tile_param { tiles: 2147483647 }", "at most"),
        ("ShuffleChannel", "shuffle_channel_param { group: 3 }", "4 channels in 3 groups"),
        ("Upsample", "", "no scale"),
        ("Upsample", "upsample_param { scale: 1000000 }", "at most"),
        ("Interp", "", "no size"),
        ("Interp", "interp_param { height: 5 }", "height and width"),
        ("Interp", "interp_param { height: 5 width: 5 zoom_factor: 2 }", "beside others"),
        ("Interp", "interp_param { pad_beg: 1 zoom_factor: 2 }", "a crop"),
        ("Interp", "interp_param { pad_beg: -9 zoom_factor: 2 }", "cells to sample"),
    ],
)
def test_what_is_refused(cf, kind, parameters, match):
    cf.fails(match, cf.layer(kind, parameters))


def test_other_refusals(cf):
    cf.fails("Concat", cf.layer("Concat", "", "x z"), inputs={"z": (1, 4, 5, 5)})
    cf.fails("4 cells for 3 tops", cf.layer("Slice", "", "x", "a b c"))
    cf.fails("2 ascending", cf.layer("Slice", "slice_param { slice_point: [3, 2] }", "x", "a b c"))
    cf.fails("Crop", cf.layer("Crop", "", "x z"), inputs={"z": (1, 4, 7, 7)})
