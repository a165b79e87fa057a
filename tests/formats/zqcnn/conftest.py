"""Small networks as text, and how to run them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.zqcnn import reader
from zqcnn_xp.formats.zqcnn.writer import to_zqcnn
from zqcnn_xp.precision import sample_input
from zqcnn_xp.session import Session


def net(*lines, source="C=3 H=8 W=10"):
    """Lines after the Input, of which a trailing 'x' is the blob."""
    return "\n".join([f"Input name=x {source}", *lines]).encode()


def read(*lines, weights="random", source="C=3 H=8 W=10", **options):
    return reader.read(net(*lines, source=source), weights, **options)


def fails(match, *lines, weights="random", source="C=3 H=8 W=10", **options):
    with pytest.raises(FormatError, match=match) as caught:
        read(*lines, weights=weights, source=source, **options)
    return caught.value


def op(line, *before, source="C=3 H=8 W=10", **options):
    return read(*before, line, source=source, **options).nodes[-1].op


def run(graph, x, blob=None):
    session = Session(graph, Backend(np), fold=False)
    name = blob or graph.outputs[-1]
    return session(np.asarray(x, np.float32), name)[name]


def floats(*arrays):
    return np.concatenate([np.asarray(a, "<f4").ravel() for a in arrays]).tobytes()


@pytest.fixture(scope="session")
def zq():
    return SimpleNamespace(net=net, read=read, fails=fails, op=op, run=run, floats=floats)


@pytest.fixture(scope="session")
def same_outputs():
    """Return a function that compares what two graphs compute."""
    return _same_outputs


@pytest.fixture(scope="session")
def check():
    """Return a function that writes a graph, reads it again and compares the two."""
    return _check


def _same_outputs(graph, again, tolerance=0.0):
    (x,) = sample_input(graph).values()
    wanted = Session(graph, "numpy", fold=False)(x)
    found = Session(again, "numpy", fold=False)(x.reshape(*x.shape, *(1,) * (4 - x.ndim)))
    assert len(found) == len(wanted)
    for a, b in zip(wanted.values(), found.values(), strict=True):
        # Windows of padding alone have an infinite maximum, negative numbers no root.
        top = float(np.abs(a, where=np.isfinite(a), out=np.zeros_like(a)).max(initial=1.0))
        assert b.shape == (*a.shape, *(1,) * (4 - a.ndim))
        np.testing.assert_allclose(b.reshape(a.shape), a, rtol=0, atol=tolerance * top)


def _check(graph, *, shapes=None, tolerance=1e-6):
    again = reader.read(*to_zqcnn(graph, shapes))
    _same_outputs(graph, again, tolerance)
    return again
