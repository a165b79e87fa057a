"""A tiny network for the tests of filling it, and the same one in PyTorch."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from zqcnn_xp.session import Session
from zqcnn_xp_models.layers import Layers


def draft():
    """Convolution in groups, norm, rectifier, matrix after a map, norm whose scale MXNet fixes."""
    net = Layers("tiny", (4, 5, 6), style="torch")
    x = net.conv({"torch": "conv", "mxnet": "c"}, "data", 6, 3, groups=2)
    x = net.bn({"torch": "bn", "mxnet": "b"}, x, {"torch": 1e-5, "mxnet": 2e-5})
    x = net.prelu({"torch": "act", "mxnet": "r"}, x)
    x = net.dense({"torch": "fc", "mxnet": "f"}, x, 7)
    x = net.bn(
        {"torch": "out", "mxnet": "o"}, x, {"torch": 1e-5, "mxnet": 2e-5}, unit=frozenset({"mxnet"})
    )
    net.vector({"torch": "embedding", "mxnet": "e"}, x)
    return net


@pytest.fixture(scope="module")
def module():
    torch = pytest.importorskip("torch")

    class Module(torch.nn.Module):
        """The same network in PyTorch."""

        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(4, 6, 3, groups=2, bias=False)
            self.bn = torch.nn.BatchNorm2d(6)
            self.act = torch.nn.PReLU(6)
            self.fc = torch.nn.Linear(6 * 3 * 4, 7)
            self.out = torch.nn.BatchNorm1d(7)

        def forward(self, x):
            return self.out(self.fc(self.act(self.bn(self.conv(x))).flatten(1)))

    torch.manual_seed(3)
    made = Module().eval()
    with torch.no_grad():
        for name, value in [*made.named_parameters(), *made.named_buffers()]:
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape) - (0.0 if "var" in name else 0.4))
    return made


def state(module):
    return {name: value.numpy() for name, value in module.state_dict().items()}


def as_mxnet(named):
    """The same arrays under MXNet's names."""
    suffixes = {"weight": "_gamma", "bias": "_beta"}
    suffixes |= {"running_mean": "_moving_mean", "running_var": "_moving_var"}
    bases = {"conv": "c", "bn": "b", "act": "r", "fc": "f", "out": "o"}
    found = {}
    for key, value in named.items():
        base, leaf = key.split(".")
        if leaf == "num_batches_tracked":
            continue
        suffix = f"_{leaf}" if base in ("conv", "fc") else suffixes[leaf]
        kind = "aux:" if "moving" in suffix else "arg:"
        found[f"{kind}{bases[base]}{suffix}"] = value
    return found


X = np.random.default_rng(0).random((2, 4, 5, 6), dtype=np.float32)


def run(graph):
    (found,) = Session(graph, "numpy")(X).values()
    return found


@pytest.fixture(scope="session")
def tiny():
    return SimpleNamespace(draft=draft, run=run, state=state, as_mxnet=as_mxnet, x=X)
