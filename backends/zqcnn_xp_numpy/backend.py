"""NumPy as a backend: BLAS for products, blocked kernels where they measure quicker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from zqcnn_xp.backend import Availability, Backend, Kernel
from zqcnn_xp.errors import BackendUnavailable
from zqcnn_xp.executable import Executable
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Op, Shape, Weights
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.threads import thread_setting
from zqcnn_xp_numpy.blas import NumpyWalk
from zqcnn_xp_numpy.conv import pack_matrix
from zqcnn_xp_numpy.idle import Idle
from zqcnn_xp_numpy.kernels import kernel_for
from zqcnn_xp_numpy.program import NumpyProgram
from zqcnn_xp_numpy.scanner import TileScanner

__all__ = ["NumpyBackend"]

# Bytes of buffers that may wait for the next call, of all networks of one backend together: of many
# threads, some for each, since pieces of a batch that run side by side have buffers of their own.
IDLE = 1 << 26
IDLE_OF_THREAD = 3 << 22


class NumpyBackend(Backend):
    """Run on the CPU with NumPy alone.

    Parameters
    ----------
    device
        Only ``"cpu"`` (or None).
    threads
        CPU threads that one call may use; None takes `zqcnn_xp.threads.thread_count`, now.

    exact
        Refuse Winograd's convolution, which is quicker and rounds more: its results are within
        1e-5 of the largest value of a plain convolution's.

    Raises
    ------
    BackendUnavailable
        For any other device.
    InputError
        If ``threads`` is no integer of 1 to 1024.
    """

    name: ClassVar[str] = "numpy"

    def __init__(
        self, device: Any = None, *, threads: int | None = None, exact: bool = False
    ) -> None:
        if device not in (None, "cpu"):
            msg = f"the numpy backend runs on 'cpu' alone, found device {device!r}"
            raise BackendUnavailable(msg)
        super().__init__(np, "cpu")
        self.exact = exact
        self.thread_setting = thread_setting(threads)
        self._idle = Idle(max(IDLE, IDLE_OF_THREAD * (self.threads or 1)))

    def from_numpy(self, x: Any) -> np.ndarray[Any, Any]:
        """Return the array itself."""
        return np.asarray(x)

    def kernel(self, op: Op, *shapes: Shape) -> Kernel | None:
        """Return a blocked kernel for convolutions, pooling and PReLU."""
        return kernel_for(op, *shapes, exact=self.exact)

    def prepare(self, op: Op, weights: Weights) -> dict[str, Any]:
        """Keep the graph's layout, which BLAS wants; flatten the kernels of plain convolutions."""
        if isinstance(op, Conv2D) and op.groups == 1:
            return pack_matrix(op, weights)
        return {name: np.ascontiguousarray(w, dtype=np.float32) for name, w in weights.items()}

    def scanner(self, dtype: str, dim: int) -> Any:
        """Scan float32 features in tiles."""
        return TileScanner if dtype == "float32" else None

    def compile(
        self,
        graph: Graph,
        shapes: Mapping[str, Shape],
        weights: Mapping[str, Weights] | None = None,
    ) -> Executable:
        """Bind every node to buffers of its own, with the BLAS threads the network is worth."""
        held = self.prepare_graph(graph) if weights is None else weights
        if self.dtype != "float32" or type(self).kernel is not NumpyBackend.kernel:
            # The references, or the kernels of a subclass, one after the other.
            return NumpyWalk(graph, shapes, self, held)
        return NumpyProgram(graph, shapes, self, held, self._idle, exact=self.exact)

    @classmethod
    def auto_score(cls) -> tuple[int, str]:
        """Offer what is always there: taken when nothing better is."""
        return 10, "NumPy is always there"

    @classmethod
    def probe(cls) -> Availability:
        """Say that it is always ready."""
        return Availability(ready=True, version=np.__version__, devices=("cpu",))
