"""LSTM_TF against a step-by-step computation from the file's own arrays."""

import numpy as np
import pytest

HIDDEN, FEATURES, STEPS = 4, 3, 7
SOURCE = f"C={FEATURES} H=1 W={STEPS}"
X = np.random.default_rng(3).normal(size=(2, FEATURES, 1, STEPS)).astype(np.float32)


def line(keys):
    return f"LSTM_TF name=l bottom=x top=y {keys}"


def arrays(directions, seed=0):
    """Inputs, biases, recurrents; each by direction, then by gate i, f, o, g."""
    rng = np.random.default_rng(seed)
    shapes = ((HIDDEN, FEATURES), (HIDDEN,), (HIDDEN, HIDDEN))
    return [rng.normal(size=(directions, 4, *s)).astype(np.float32) for s in shapes]


def one_direction(x, wx, b, wh, forget_bias, clip, backward):
    def squash(v):
        return 1 / (1 + np.exp(-v))

    out = np.zeros((len(x), HIDDEN, 1, STEPS))
    for sample in range(len(x)):
        h, c = np.zeros(HIDDEN), np.zeros(HIDDEN)
        for t in reversed(range(STEPS)) if backward else range(STEPS):
            i, f, o, g = (wx[k] @ x[sample, :, 0, t] + wh[k] @ h + b[k] for k in range(4))
            c = squash(i) * np.tanh(g) + squash(f + forget_bias) * c
            c = np.clip(c, -clip, clip)
            h = squash(o) * np.tanh(c)
            out[sample, :, 0, t] = h
    return out


@pytest.mark.parametrize("kind", [0, 1, 2])
@pytest.mark.parametrize(
    ("keys", "forget_bias", "clip"),
    [("", 1.0, 3.0), (" forget_bias=0 cell_clip=0.3", 0.0, 0.3), (" cell_clip=0", 1.0, np.inf)],
)
def test_values(zq, kind, keys, forget_bias, clip):
    backward = {0: [False], 1: [True], 2: [False, True]}[kind]
    wx, b, wh = arrays(len(backward))
    weights = zq.floats(wx, b, wh)
    want = np.concatenate(
        [
            one_direction(X, wx[d], b[d], wh[d], forget_bias, clip, back)
            for d, back in enumerate(backward)
        ],
        axis=1,
    )
    for compat in (None, "zqcnn"):
        text = line(f"hidden_dim={HIDDEN} type={kind}{keys}")
        graph = zq.read(text, weights=weights, source=SOURCE, compat=compat)
        np.testing.assert_allclose(zq.run(graph, X), want, rtol=1e-5, atol=1e-6)
    steps = X.shape[0] * STEPS * (HIDDEN + FEATURES) * HIDDEN * 4
    assert graph.nodes[0].op.muladds(X.shape) == steps * len(backward)


def test_any_number_of_steps(zq):
    graph = zq.read(line(f"hidden_dim={HIDDEN} type=2"), source=SOURCE)
    assert graph.shapes({"x": (5, FEATURES, 1, 3)})["y"] == (5, 2 * HIDDEN, 1, 3)


@pytest.mark.parametrize(
    ("keys", "source", "match"),
    [
        ("type=0", SOURCE, "without 'hidden_dim'"),
        ("hidden_dim=4", SOURCE, "without 'type'"),
        ("hidden_dim=4 type=3", SOURCE, "type=3"),
        ("hidden_dim=0 type=0", SOURCE, "hidden_dim=0"),
        ("hidden_dim=4 type=0 cell_clip=-1", SOURCE, "cell_clip -1.0 in Lstm of layer 'l'"),
        ("hidden_dim=4 type=0", "C=3 H=2 W=7", "a height of 1"),
        ("hidden_dim=2147483647 type=0", SOURCE, r"Limits\.max_elements"),
    ],
)
def test_what_is_refused(zq, keys, source, match):
    assert zq.fails(match, line(keys), source=source).where == "line 2"
