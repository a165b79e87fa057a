"""A small network with something of everything that the runtimes take."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.bench.network import sample
from zqcnn_xp.bench.pairs import largest_difference
from zqcnn_xp.formats import read_graph
from zqcnn_xp.session import Session

TEXT = b"""\
Input name=data C=3 H=24 W=20
Convolution name=conv1 bottom=data top=conv1 num_output=16 kernel_size=3 stride=1 pad=1 bias
PReLU name=prelu1 bottom=conv1 top=conv1
DepthwiseConvolution name=dw bottom=conv1 top=dw num_output=16 kernel_size=3 stride=2 pad=1 bias
Pooling name=pool bottom=dw top=pool pool=MAX kernel_size=2 stride=2
Convolution name=conv2 bottom=pool top=conv2 num_output=8 kernel_size=1 stride=1 bias
InnerProduct name=fc1 bottom=conv2 top=fc1 num_output=4 bias
InnerProduct name=fc2 bottom=conv2 top=fc2 num_output=2 bias
Softmax name=prob bottom=fc2 top=prob axis=1
"""


@pytest.fixture(scope="session")
def graph():
    """Outputs ``fc1`` and ``prob``; seeded weights."""
    return read_graph(TEXT, "random")


@pytest.fixture
def make(graph):
    """Make the network with a batch of a size."""
    return lambda batch=1: sample(graph, {"data": (batch, 3, 24, 20)})


@pytest.fixture
def agrees():
    """Check a runner of a network against the references of the ops, in float32.

    bfloat16 and float16 would be off by 1e-3 and more.
    """

    def check(run, network, tolerance=1e-5):
        import array_api_compat.numpy as xp

        wanted = Session(network.graph, Backend(xp))(network.inputs)
        before = {name: array.copy() for name, array in network.inputs.items()}
        for _ in range(2):
            found = run()
            assert {name: np.asarray(found[name]).dtype for name in wanted} == dict.fromkeys(
                wanted, np.dtype(np.float32)
            )
            assert largest_difference(found, wanted) < tolerance
        for name, array in network.inputs.items():
            np.testing.assert_array_equal(array, before[name])

    return check
