import numpy as np
import pytest

from zqcnn_xp.errors import FormatError


def run(mxnet, x, op, **attributes):
    return mxnet.run(mxnet.one(op, attributes, shape=(1, *x.shape[1:])), x)[0]


@pytest.mark.parametrize(
    ("codes", "shape"),
    [
        ("(0, -1)", (2, 192)),
        ("(-1, 192)", (2, 192)),
        ("(0, 0, -1)", (2, 3, 64)),
        ("(0, -3, 0)", (2, 24, 8)),
        ("(0, 0, -3)", (2, 3, 64)),
        ("(0, -4, 3, 1, -2)", (2, 3, 1, 8, 8)),
        ("(0, -4, -1, 3, 0, 0)", (2, 1, 3, 8, 8)),
        ("(0, -2)", (2, 3, 8, 8)),
        ("(1, 6, 32)", (2, 6, 32)),
    ],
)
def test_reshape_codes(mxnet, x, codes, shape):
    np.testing.assert_array_equal(run(mxnet, x, "Reshape", shape=codes), x.reshape(shape))


@pytest.mark.parametrize(
    "codes", ["(0, 5)", "(-1, -1)", "(0, -4, 2)", "(0, 0, 0, 0, 0)", "(0, -5)"]
)
def test_reshape_codes_that_mean_nothing(mxnet, codes):
    with pytest.raises(FormatError, match="Reshape 'op'"):
        mxnet.one("Reshape", {"shape": codes})


def test_moves(mxnet, x):
    np.testing.assert_array_equal(run(mxnet, x, "Flatten"), x.reshape(2, -1))
    same = np.testing.assert_array_equal
    same(run(mxnet, x, "transpose", axes="(0, 2, 3, 1)"), x.transpose(0, 2, 3, 1))
    same(run(mxnet, x, "SwapAxis", dim1=1, dim2=3), x.swapaxes(1, 3))
    same(run(mxnet, x, "expand_dims", axis=1), x[:, None])
    same(run(mxnet, x, "slice_axis", axis=1, begin=1, end="None"), x[:, 1:])
    same(run(mxnet, x, "slice_axis", axis=-1, begin=-3, end=-1), x[..., -3:-1])
    same(
        run(mxnet, x, "slice", begin="(None, 1, 2)", end="(None, 3, 7)", step="(1, 1, 2)"),
        x[:, 1:3, 2:7:2],
    )
    same(run(mxnet, x, "Crop", h_w="(3, 4)", offset="(1, 2)"), x[:, :, 1:4, 2:6])
    same(run(mxnet, x, "Crop", h_w="(4, 4)", center_crop="True"), x[:, :, 2:6, 2:6])
    pads = np.pad(x, ((0, 0), (0, 0), (1, 2), (3, 0)), constant_values=5)
    wanted = {"mode": "constant", "pad_width": "(0,0,0,0,1,2,3,0)", "constant_value": 5}
    same(run(mxnet, x, "Pad", **wanted), pads)
    same(run(mxnet, x[:, :1], "squeeze", axis=1), x[:, 0])
    same(run(mxnet, x, "Cast", dtype="float32"), x)


def test_split_gives_one_value_for_each_part(mxnet, x):
    heads = [("op", 2), ("op", 0)]
    graph = mxnet.one("SliceChannel", {"num_outputs": 3}, heads=heads)
    assert graph.outputs == ("op_output2", "op_output0")
    found = mxnet.run(graph, x)
    np.testing.assert_array_equal(found[0], x[:, 2:])
    graph = mxnet.one("SliceChannel", {"num_outputs": 3, "squeeze_axis": True}, heads=heads)
    np.testing.assert_array_equal(mxnet.run(graph, x)[1], x[:, 0])
    with pytest.raises(FormatError, match="3 cells in 2 parts"):
        mxnet.one("SliceChannel", {"num_outputs": 2})
    with pytest.raises(FormatError, match=r"output 3 as a head|output 3"):
        mxnet.one("SliceChannel", {"num_outputs": 3}, heads=[("op", 3)])


def test_concat_and_crop_to_another(mxnet, x):
    graph = mxnet.one("Concat", {"dim": 1, "num_args": 2}, inputs=["data", "data"])
    np.testing.assert_array_equal(mxnet.run(graph, x)[0], np.concatenate([x, x], 1))
    graph = mxnet.one("Crop", {"num_args": 2}, inputs=["data", "data"])
    np.testing.assert_array_equal(mxnet.run(graph, x)[0], x)
