"""The original's merging by adjacent lines."""

import numpy as np
import pytest

RNG = np.random.default_rng(11)
X = RNG.normal(size=(2, 3, 6, 5)).astype(np.float32)
CONV = "Convolution name=c bottom=x top=y num_output=3 kernel_size=1"
DW = "DepthwiseConvolution name=c bottom=x top=y num_output=3 kernel_size=3"
BN = "BatchNormScale name=b bottom=y top=y bias"
PRELU = "PReLU name=p bottom=y top=y"


def arrays(*sizes):
    return RNG.uniform(0.5, 1.5, sum(sizes)).astype("<f4").tobytes()


def both(zq, lines, weights):
    merged = zq.read(*lines, weights=weights, compat="zqcnn", source="C=3")
    plain = zq.read(*lines, weights=weights, compat="zqcnn", fold=False, source="C=3")
    return merged, plain


def kinds(graph):
    return [type(node.op).__name__ for node in graph.nodes]


@pytest.mark.parametrize("bias", ["", " bias"])
@pytest.mark.parametrize(("conv", "size"), [(CONV, 9), (DW, 27)])
def test_conv_norm_and_prelu_become_one(zq, conv, size, bias):
    lines = [conv + bias, BN, PRELU]
    data = arrays(size, 3 if bias else 0, 12, 3)
    merged, plain = both(zq, lines, data)
    assert kinds(merged) == ["Conv2D"]
    assert kinds(plain) == ["Conv2D", "BatchNorm", "PReLU"]
    assert merged.nodes[0].name == "c"
    assert merged.outputs == ("y",)
    np.testing.assert_allclose(zq.run(merged, X), zq.run(plain, X), rtol=1e-5, atol=1e-5)


def test_the_merged_layer_takes_the_other_s_top(zq):
    lines = [CONV, BN.replace("top=y", "top=z"), "PReLU name=p bottom=z top=w"]
    merged, plain = both(zq, lines, arrays(9, 12, 3))
    assert merged.outputs == plain.outputs == ("w",)
    assert "y" in plain.blobs
    assert "y" not in merged.blobs
    np.testing.assert_allclose(zq.run(merged, X), zq.run(plain, X), rtol=1e-5, atol=1e-5)


def test_a_prelu_merges_without_a_norm(zq):
    merged, plain = both(zq, [CONV, PRELU], arrays(9, 3))
    assert kinds(merged) == ["Conv2D"]
    np.testing.assert_array_equal(zq.run(merged, X), zq.run(plain, X))


@pytest.mark.parametrize(
    ("lines", "sizes"),
    [
        # not adjacent
        ([CONV, "Copy name=k bottom=x top=k", BN], (9, 12)),
        # the convolution's own result is read later
        ([CONV, BN.replace("top=y", "top=z"), "Copy name=k bottom=y top=k"], (9, 12)),
        # other layers
        ([CONV, "BatchNorm name=b bottom=y top=y"], (9, 6)),
        ([CONV, "Scale name=s bottom=y top=y"], (9, 3)),
        ([CONV, "ReLU name=r bottom=y top=y"], (9,)),
    ],
)
def test_what_is_left_alone(zq, lines, sizes):
    merged, plain = both(zq, lines, arrays(*sizes))
    assert kinds(merged) == kinds(plain)


def test_an_inner_product_is_left_alone(zq):
    lines = ["InnerProduct name=i bottom=x top=y num_output=2", BN, PRELU]
    graph = zq.read(*lines, source="C=3 H=2 W=2", compat="zqcnn")
    assert kinds(graph) == ["Dense", "BatchNorm", "PReLU"]


def test_adjacency_alone_decides(zq):
    """A norm on another blob than the convolution above it writes is merged all the same."""
    lines = [
        CONV.replace("top=y", "top=typo"),
        BN.replace("=y", "=x"),
        "Copy name=k bottom=x top=k",
    ]
    merged, plain = both(zq, lines, arrays(9, 12))
    assert kinds(merged) == ["Conv2D", "Identity"]
    assert "typo" not in merged.blobs
    assert "typo" in plain.outputs
    assert np.abs(zq.run(merged, X, "k") - zq.run(plain, X, "k")).max() > 0.1


def test_tiny_weights_are_cut_before_and_after(zq):
    weight = np.float32([5e-10, 1, 1, 1, 1, 1, 1, 1, 1])
    ones = np.ones(3)
    data = zq.floats(
        weight, 0 * ones, [1e20, 1, 1], ones, 0 * ones
    )  # the first channel: times 1e-10
    merged, plain = both(zq, [CONV, BN], data)
    assert (merged.nodes[0].weights["weight"][0, 0] == 0).tolist() == [
        [True, False, False],
        [True, False, False],
        [True, False, False],
    ]
    assert plain.nodes[0].weights["weight"][0, 0, 0, 0] == np.float32(5e-10)
    right = zq.read(CONV, BN, weights=data, source="C=3")
    assert right.nodes[0].weights["weight"][0, 0, 0, 0] == np.float32(5e-10)


def test_plain_cuts_below_1e_12(zq):
    data = zq.floats([9e-13, 2e-12, 1], [1] * 6)
    _, plain = both(zq, [CONV], data)
    found = plain.nodes[0].weights["weight"][0, 0, :, 0]
    assert found.tolist() == [0, np.float32(2e-12), 1]


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        (
            [CONV, BN.replace("=y", "=x"), "Copy name=k bottom=y top=k"],
            "line 4: found bottom 'y' of layer 'k', which merging removed",
        ),
        (
            [
                "Flatten name=f bottom=x top=flat axis=2",
                "Permute name=p bottom=flat top=s order=0 order=2 order=1 order=3",
                "Pooling name=g bottom=x top=w global_pool",
                CONV.replace("bottom=x", "bottom=w").replace("num_output=3", "num_output=30"),
                BN.replace("=y", "=s"),
                "Reshape name=r bottom=s top=r dim=0 dim=3 dim=10 dim=3",
            ],
            "line 7: found .* in Reshape of layer 'r'",
        ),
    ],
)
def test_files_that_merging_breaks_are_refused(zq, lines, match):
    source = "C=3 H=6 W=5"
    zq.read(*lines, compat="zqcnn", fold=False, source=source)
    zq.fails(match, *lines, compat="zqcnn", source=source)
