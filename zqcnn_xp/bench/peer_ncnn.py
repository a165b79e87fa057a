"""ncnn: the network as its .param and .bin files, in float32."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from zqcnn_xp.bench.network import Arrays, Network, Runner
from zqcnn_xp.ops import Conv2D, Pool2D

__all__ = ["prepare"]

_REDUCED = (
    "use_fp16_packed",
    "use_fp16_storage",
    "use_fp16_arithmetic",
    "use_bf16_packed",
    "use_bf16_storage",
    "use_int8_inference",
)


def prepare(network: Network, threads: int) -> Runner:
    """Load the network. A batch runs as a loop, or at once where this ncnn can and is quicker."""
    import ncnn  # type: ignore[import-untyped,unused-ignore]

    net = _load(ncnn, network, threads)
    count = next(iter(network.inputs.values())).shape[0]
    loop = _Loop(ncnn, net, network, count)
    if count == 1:
        return loop
    at_once = _AtOnce(ncnn, net, network)
    return at_once if _agrees(at_once, loop) and _ms(at_once) < _ms(loop) else loop


def _load(ncnn: Any, network: Network, threads: int) -> Any:
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = threads
    for name in _REDUCED:
        if hasattr(net.opt, name):
            setattr(net.opt, name, False)
    with TemporaryDirectory() as folder:
        # From files: of weights in memory ncnn would keep the address.
        files = Path(folder, "net.param"), Path(folder, "net.bin")
        for file, data in zip(files, network.ncnn, strict=True):
            file.write_bytes(data)
        if net.load_param(str(files[0])) or net.load_model(str(files[1])):
            msg = "ncnn does not load the network"
            raise RuntimeError(msg)
    return net


class _Loop:
    """Run sample by sample, as ncnn is mostly used."""

    def __init__(self, ncnn: Any, net: Any, network: Network, count: int) -> None:
        self.mat, self.net, self.names = ncnn.Mat, net, network.graph.outputs
        # Layers that work in place would write into our arrays, and crash on such memory.
        self.changed = {
            name
            for node in network.graph.nodes
            if not isinstance(node.op, Conv2D | Pool2D)
            for name in node.inputs
        }
        self.samples = [
            {name: array[index] for name, array in network.inputs.items()} for index in range(count)
        ]

    def __call__(self) -> Arrays:
        results = [self._one(given) for given in self.samples]
        return {name: np.stack(values) for name, *values in zip(self.names, *results, strict=True)}

    def _one(self, given: dict[str, Any]) -> list[Any]:
        extractor = self.net.create_extractor()
        for name, array in given.items():
            mat = self.mat(array)
            extractor.input(name, mat.clone() if name in self.changed else mat)
        return [np.array(_extract(extractor, name)) for name in self.names]


class _AtOnce:
    """Run all samples in one matrix, which ncnn takes since 2026."""

    def __init__(self, ncnn: Any, net: Any, network: Network) -> None:
        self.mat, self.net, self.network = ncnn.Mat, net, network

    def __call__(self) -> Arrays:
        extractor = self.net.create_extractor()
        for name, array in self.network.inputs.items():
            extractor.input(name, self.mat(array, 0))
        found = {}
        for name in self.network.graph.outputs:
            result = _extract(extractor, name)
            found[name] = np.stack([np.array(result.batch(k)) for k in range(result.n)])
        return found


def _extract(extractor: Any, name: str) -> Any:
    code, result = extractor.extract(name)
    if code:
        msg = f"ncnn does not compute {name!r}: code {code}"
        raise RuntimeError(msg)
    return result


def _agrees(first: Runner, second: Runner) -> bool:
    try:
        found, wanted = first(), second()
    except (AttributeError, RuntimeError, TypeError, ValueError):  # an older ncnn
        return False
    return all(
        found[name].shape == want.shape and np.allclose(found[name], want, atol=1e-3)
        for name, want in wanted.items()
    )


def _ms(run: Runner) -> float:
    """Least of a few times: only which of two is quicker has to be found out."""
    times = []
    for _ in range(4):
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return min(times)
