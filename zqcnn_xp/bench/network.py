"""A network with its input, in the forms that other runtimes read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Shape

__all__ = ["Arrays", "Network", "Runner", "sample"]

Arrays: TypeAlias = dict[str, NDArray[np.float32]]
Runner: TypeAlias = Callable[[], Arrays]
"""Run the network once: the outputs by name, logical NCHW, as NumPy arrays."""

_GRAPH, _INPUTS = "network.safetensors", "inputs.npz"


@dataclass(frozen=True, eq=False)
class Network:
    """What every side of a comparison runs.

    Parameters
    ----------
    graph
        Folded, so that no side has less to do than another.
    inputs
        float32 arrays by input name.
    """

    graph: Graph
    inputs: Arrays

    @property
    def shapes(self) -> dict[str, Shape]:
        """Logical shape of each input."""
        return {name: tuple(array.shape) for name, array in self.inputs.items()}

    @cached_property
    def onnx(self) -> bytes:
        """The network as an ONNX model of these sizes."""
        from zqcnn_xp.formats.onnx.writer import to_onnx

        return to_onnx(self.graph, self.shapes)

    @cached_property
    def ncnn(self) -> tuple[bytes, bytes]:
        """The network as the two files of ncnn, whose axes are those of one sample."""
        from zqcnn_xp.formats.ncnn.writer import to_ncnn

        return to_ncnn(self.graph, {name: (1, *shape[1:]) for name, shape in self.shapes.items()})

    def save(self, folder: Path) -> None:
        """Write graph and inputs into a folder, for a process of its own.

        Raises
        ------
        GraphError
            If an op has no form on file.
        """
        from zqcnn_xp.formats.safetensors.writer import to_safetensors

        to_safetensors(self.graph, folder / _GRAPH)
        save_arrays(folder / _INPUTS, self.inputs)

    @classmethod
    def load(cls, folder: Path) -> Network:
        """Read what `save` has written."""
        from zqcnn_xp.formats import read_graph

        graph = read_graph(folder / _GRAPH, format="safetensors")
        return cls(graph, load_arrays(folder / _INPUTS, [s.name for s in graph.inputs]))


def save_arrays(file: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays by position: a blob's name may hold what no file's may."""
    np.savez(file, *(np.asarray(array, np.float32) for array in arrays.values()))


def load_arrays(file: Path, names: list[str]) -> Arrays:
    """Read arrays that `save_arrays` has written, under these names."""
    with np.load(file, allow_pickle=False) as archive:
        return {name: archive[f"arr_{index}"] for index, name in enumerate(names)}


def sample(
    graph: Graph,
    shapes: Mapping[str, Shape],
    *,
    low: float = -1.0,
    high: float = 1.0,
    seed: int = 0,
) -> Network:
    r"""Return a network with seeded, evenly distributed input.

    Parameters
    ----------
    graph
        The network; it is folded as a session folds it, and ends where boxes would be decoded.
    shapes
        Logical shape of each input.
    low, high
        Range of the values.
    seed
        Of the values.

    Examples
    --------
    >>> from zqcnn_xp.formats import read_graph
    >>> graph = read_graph(b"Input name=data C=1\nReLU name=r bottom=data top=out", b"")
    >>> sample(graph, {"data": (1, 1, 4, 4)}).shapes
    {'data': (1, 1, 4, 4)}
    """
    from zqcnn_xp.bench.heads import heads
    from zqcnn_xp.passes import optimize

    rng = np.random.default_rng(seed)
    inputs = {
        source.name: rng.uniform(low, high, shapes[source.name]).astype(np.float32)
        for source in graph.inputs
    }
    return Network(optimize(heads(graph)), inputs)
