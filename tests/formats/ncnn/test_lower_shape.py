import numpy as np
import pytest

from zqcnn_xp.errors import FormatError


def rand(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("Flatten", (3, 4, 5)),
        ("Flatten", (4, 5)),
        ("Reshape 0=-1", (3, 4, 5)),
        ("Reshape 0=4 1=-1", (3, 4, 5)),
        ("Reshape 0=2 1=5 2=-1", (3, 4, 5)),
        ("Reshape 0=0 1=-1", (3, 4, 5)),
        ("Reshape 0=0 1=0 2=-1", (3, 4, 5)),
        ("Reshape 0=20 1=0", (4, 20)),
        ("Permute 0=1", (4, 5)),
        *((f"Permute 0={order}", (3, 4, 5)) for order in range(6)),
        ("Padding 0=1 1=2 2=0 3=3 5=0.5", (3, 4, 5)),
        ("ShuffleChannel 0=2", (6, 4, 5)),
        ("ShuffleChannel 0=2 1=1", (6, 4, 5)),
        ("PixelShuffle 0=2", (8, 4, 5)),
        ("PixelShuffle 0=2 1=1", (8, 4, 5)),
        ("Reorg 0=2", (3, 4, 6)),
        ("Reorg 0=2 1=1", (3, 4, 6)),
        ("Squeeze 0=1 1=1 2=1", (1, 4, 1)),
        ("Squeeze -23303=1,0", (1, 4, 5)),
        ("Squeeze -23303=1,-1", (3, 4, 1)),
        ("ExpandDims -23303=1,0", (4, 5)),
        ("ExpandDims -23303=1,-1", (4, 5)),
        ("ExpandDims -23303=2,0,2", (5,)),
        ("Crop 0=1 1=2 3=2 4=2 5=3", (3, 4, 5)),
        ("Crop 0=1 1=1 2=1 3=-233 4=-233 5=-233", (3, 4, 5)),
        ("Crop 0=1 1=0 2=0 3=-233 4=-233 5=-233 6=1 7=2", (3, 4, 5)),
        ("Crop -23309=1,1 -23310=1,3 -23311=1,1", (3, 4, 5)),
        ("Crop -23309=2,1,-3 -23310=2,2147483647,-1 -23311=2,0,2", (3, 4, 5)),
    ],
)
def test_moves(ncnn, line, shape):
    kind, _, keys = line.partition(" ")
    ncnn.compare(ncnn.layer(kind, keys, shape), b"", {"x": rand(*shape)}, tolerance=0)


@pytest.mark.parametrize(
    "keys", ["-23300=3,1,3,2", "-23300=3,-233,-233,-233", "-23300=3,1,-233,-233"]
)
def test_slice(ncnn, keys):
    outputs = ("y", "y1", "y2")
    ncnn.compare(ncnn.layer("Slice", keys, (6, 4, 5), 3), b"", {"x": rand(6, 4, 5)}, outputs, 0)
    rows = ncnn.layer("Slice", f"{keys} 1=1", (4, 6, 5), 3)
    ncnn.compare(rows, b"", {"x": rand(4, 6, 5)}, outputs, 0)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_concat(ncnn, axis):
    param = ncnn.param(
        "Input a 0 1 a 0=5 1=4 2=3", "Input b 0 1 b 0=5 1=4 2=3", f"Concat l 2 1 a b y 0={axis}"
    )
    ncnn.compare(param, b"", {"a": rand(3, 4, 5), "b": rand(3, 4, 5, seed=1)}, tolerance=0)


def test_crop_to_another(ncnn):
    param = ncnn.param(
        "Input a 0 1 a 0=5 1=4 2=3", "Input b 0 1 b 0=2 1=3 2=3", "Crop l 2 1 a b y 0=1 1=1"
    )
    ncnn.compare(param, b"", {"a": rand(3, 4, 5), "b": rand(3, 3, 2)}, tolerance=0)


def test_copies(ncnn, x):
    param = ncnn.param(
        "Input x 0 1 x 0=8 1=8 2=3",
        "Split s 1 2 x a b",
        "Noop n 1 1 a c",
        "Eltwise l 2 1 b c y 0=1",
    )
    (found,) = ncnn.ours(param, b"", {"x": x})
    np.testing.assert_array_equal(found, 2 * x)


@pytest.mark.parametrize(
    "line",
    ["Reshape 1=3", "Reshape 0=-1 1=-1", "Reshape 0=7", "Permute 0=6", "Padding 0=1 4=1",
     "ShuffleChannel 0=2", "PixelShuffle 0=2", "Slice -23300=1,3 1=5", "Slice -23300=1,9",
     "Slice -23300=2,1,1", "Concat 0=7", "Crop 0=9 3=1", "ExpandDims -23303=1,9", "Reorg 1=2",
     "Squeeze -23303=1,5", "Crop -23309=1,1 -23310=2,3,4"],
)  # fmt: skip
def test_what_is_refused(ncnn, x, line):
    kind, _, keys = line.partition(" ")
    with pytest.raises(FormatError, match=rf"line 4 \({kind} 'l'\)"):
        ncnn.ours(ncnn.layer(kind, keys), b"", {"x": x})
