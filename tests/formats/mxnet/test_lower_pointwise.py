import numpy as np
import pytest

from zqcnn_xp.errors import FormatError

SMOOTH = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}
SMOOTH["sigmoid"] = lambda x: 1 / (1 + np.exp(-x))
SMOOTH["softrelu"] = lambda x: np.log1p(np.exp(x))


def rand(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 2, shape).astype(np.float32)


def close(found, want):
    np.testing.assert_allclose(found, want, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("attributes", [{"fix_gamma": "False"}, {"fix_gamma": "True"}, {}])
def test_fixed_gamma_counts_as_one_whatever_the_file_holds(mxnet, x, attributes):
    roles = ("gamma", "beta", "moving_mean", "moving_var")
    arrays = {f"op_{role}": rand(3, seed=k) for k, role in enumerate(roles)}
    (found,) = mxnet.run(mxnet.one("BatchNorm", attributes, arrays), x)
    gamma, beta, mean, var = (a[:, None, None] for a in arrays.values())
    if attributes.get("fix_gamma") != "False":
        gamma = 1
    close(found, (x - mean) / np.sqrt(var + 1e-3) * gamma + beta)


def test_arrays_that_old_files_do_not_list_are_found_by_name(mxnet, x):
    roles = ("gamma", "beta", "moving_mean", "moving_var")
    arrays = {f"op_{role}": rand(3, seed=k) for k, role in enumerate(roles)}
    listed = mxnet.one("BatchNorm", {"eps": 1e-5}, arrays)
    inputs = ["data", "op_gamma", "op_beta"]
    short = mxnet.one("BatchNorm", {"eps": 1e-5}, arrays, inputs=inputs)
    np.testing.assert_array_equal(mxnet.run(listed, x)[0], mxnet.run(short, x)[0])


@pytest.mark.parametrize("kind", SMOOTH)
def test_activations(mxnet, x, kind):
    (found,) = mxnet.run(mxnet.one("Activation", {"act_type": kind}), x)
    close(found, SMOOTH[kind](x))


def test_leaky_relus(mxnet, x):
    def run(arrays=None, **attributes):
        return mxnet.run(mxnet.one("LeakyReLU", attributes, arrays), x)[0]

    slopes = rand(3)
    close(run(), np.where(x > 0, x, 0.25 * x))
    close(run(act_type="leaky", slope=0.1), np.where(x > 0, x, 0.1 * x))
    close(run(act_type="elu", slope=0.5), np.where(x > 0, x, 0.5 * np.expm1(x)))
    close(run(act_type="rrelu"), np.where(x > 0, x, (0.125 + 0.334) / 2 * x))
    prelu = np.where(x > 0, x, slopes[:, None, None] * x)
    close(run({"op_gamma": slopes}, act_type="prelu"), prelu)
    close(run({"g": slopes[:1]}, act_type="prelu"), np.where(x > 0, x, slopes[0] * x))
    with pytest.raises(FormatError, match="act_type='selu'"):
        run(act_type="selu")


@pytest.mark.parametrize("mode", ["instance", "channel", "spatial"])
def test_l2_normalization(mxnet, x, mode):
    axes = {"instance": (1, 2, 3), "channel": (1,), "spatial": (2, 3)}[mode]
    (found,) = mxnet.run(mxnet.one("L2Normalization", {"mode": mode}), x)
    close(found, x / np.sqrt((x * x).sum(axes, keepdims=True) + 1e-10))


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def test_softmax_in_its_forms(mxnet, x):
    close(mxnet.run(mxnet.one("softmax"), x)[0], softmax(x, -1))
    close(mxnet.run(mxnet.one("softmax", {"axis": 1, "temperature": 2}), x)[0], softmax(x / 2, 1))
    close(mxnet.run(mxnet.one("log_softmax", {"axis": 1}), x)[0], np.log(softmax(x, 1)))
    close(mxnet.run(mxnet.one("SoftmaxActivation", {"mode": "channel"}), x)[0], softmax(x, 1))
    close(mxnet.run(mxnet.one("SoftmaxOutput", {"multi_output": True}), x)[0], softmax(x, 1))
    close(mxnet.run(mxnet.one("SoftmaxOutput", {"preserve_shape": True}), x)[0], softmax(x, -1))
    with pytest.raises(FormatError, match="multi_output or preserve_shape"):
        mxnet.one("SoftmaxOutput")


@pytest.mark.parametrize(
    "op", ["BlockGrad", "Dropout", "_copy", "identity", "MakeLoss", "LinearRegressionOutput"]
)
def test_what_passes_its_input_on(mxnet, x, op):
    np.testing.assert_array_equal(mxnet.run(mxnet.one(op, {"p": 0.4}), x)[0], x)


def test_clip_and_hard_sigmoid(mxnet, x):
    close(mxnet.run(mxnet.one("clip", {"a_min": 0, "a_max": 1}), x)[0], x.clip(0, 1))
    close(mxnet.run(mxnet.one("hard_sigmoid"), x)[0], (0.2 * x + 0.5).clip(0, 1))
    with pytest.raises(FormatError, match="no 'a_max'"):
        mxnet.one("clip", {"a_min": 0})


def test_lrn(mxnet, x):
    torch = pytest.importorskip("torch")
    graph = mxnet.one("LRN", {"nsize": 3, "alpha": 0.1, "beta": 0.5, "knorm": 1})
    want = torch.nn.functional.local_response_norm(torch.tensor(x), 3, 0.1, 0.5, 1).numpy()
    close(mxnet.run(graph, x)[0], want)
