"""Small networks as text, and how to run them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.zqcnn import reader
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
