"""A network of the layers that published ones lack: the same on every library, at any batch."""

from pathlib import Path

import numpy as np
import pytest

import zqcnn_xp
from zqcnn_xp.backend import Backend

FILE = Path(__file__).with_name("rare.zqparams")
X = np.random.default_rng(0).uniform(0, 1, (3, 4, 1, 6)).astype(np.float32)


def blobs(backend, compat=None, x=X, fold=True):
    session = zqcnn_xp.load(FILE, "random:3", backend=backend, compat=compat, fold=fold)
    found = session(x, list(session.graph.blobs))
    return {name: np.asarray(value) for name, value in found.items()}


@pytest.mark.parametrize("library", ["jax", "torch", "array_api_strict", "plain numpy"])
@pytest.mark.parametrize("compat", [None, "zqcnn"])
def test_every_library(library, compat):
    if library == "jax":
        pytest.importorskip("jax")
        backend = "jax"
    elif library == "torch":
        pytest.importorskip("torch")
        from array_api_compat import torch

        backend = Backend(torch)
    else:
        backend = Backend(np if library == "plain numpy" else pytest.importorskip(library))
    want, found = blobs("numpy", compat), blobs(backend, compat)
    assert found.keys() == want.keys()
    assert len(want) > 18
    for name, value in want.items():
        assert found[name].shape == value.shape, name
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("samples", [0, 1])
def test_samples_stand_alone_up_to_what_mixes_them(samples):
    # UnaryOperation takes its scalar from the first sample, and so do the layers behind it.
    all_three, some = blobs("numpy", fold=False), blobs("numpy", x=X[:samples], fold=False)
    for name in ("d", "s", "e", "n", "p", "r", "loc", "prob"):
        np.testing.assert_allclose(some[name], all_three[name][:samples], rtol=1e-5, err_msg=name)
    (shown,) = {value.shape[0] for name, value in some.items() if name in ("u", "l", "t", "g", "b")}
    assert shown == samples
