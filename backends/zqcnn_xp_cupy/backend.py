"""The CuPy backend: NVIDIA GPUs through CuPy, cuBLAS and a few raw kernels."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from zqcnn_xp.backend import Availability, Backend, Kernel, host_array
from zqcnn_xp.errors import InputError
from zqcnn_xp.executable import Executable, Walk
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Array, Op, Shape, Weights
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp_cupy.availability import availability, driver_version, import_cupy, installed
from zqcnn_xp_cupy.convolution import plan_convolution
from zqcnn_xp_cupy.dense import plan_dense
from zqcnn_xp_cupy.gemm import Gemm
from zqcnn_xp_cupy.launch import Launcher
from zqcnn_xp_cupy.pooling import plan_pool
from zqcnn_xp_cupy.scope import Scope, device_index
from zqcnn_xp_cupy.tools import Framed, Native, Tools

__all__ = ["CupyBackend"]

# DLPack device types: host memory, and what a kernel can address.
_CPU, _CUDA, _CUDA_MANAGED = 1, 2, 13


class CupyBackend(Backend):
    """Run networks on an NVIDIA GPU.

    Convolutions are im2col and cuBLAS, or one raw kernel where they are depthwise; pooling is a
    raw kernel; dense layers are cuBLAS. Everything else runs the references of the ops on CuPy.

    Parameters
    ----------
    device
        ``0``, ``"cuda:1"``, a ``cupy.cuda.Device``; None is the first device.
    stream
        None works on the caller's current stream; ``"own"`` makes a stream of the backend's
        own; or a ``cupy.cuda.Stream``. Results are ordered with the caller's stream in any case.
    memory_limit
        Bytes (int) or a fraction of the device's memory (float up to 1.0) that this backend may
        take, from a memory pool of its own. None shares CuPy's current allocator without a
        limit. The workspace of cuBLAS, some MiB, is not counted.
    workspace
        Bytes for the im2col matrix of one call; larger convolutions run in chunks. At most a
        quarter of a ``memory_limit`` given in bytes.
    tf32
        Let tensor cores round factors to TF32: quicker, results differ by about 1e-3.

    Raises
    ------
    BackendUnavailable
        If CuPy, its libraries or a GPU are missing; says which, and the pip command.
    InputError
        If an option has a wrong value.
    """

    name: ClassVar[str] = "cupy"
    pip: ClassVar[str | None] = "pip install 'zqcnn-xp[cupy12]'"

    def __init__(
        self,
        device: Any = None,
        *,
        stream: Any = None,
        memory_limit: float | None = None,
        workspace: int = 128 << 20,
        tf32: bool = False,
    ) -> None:
        if isinstance(workspace, bool) or not isinstance(workspace, int) or workspace <= 0:
            msg = f"found workspace {workspace!r}, expected a positive number of bytes"
            raise InputError(msg)
        cupy = import_cupy()
        index = device_index(device, cupy.cuda.runtime.getDeviceCount())
        self.scope = Scope(cupy, index, stream, memory_limit)
        super().__init__(import_module("array_api_compat.cupy"), self.scope.device)
        if isinstance(memory_limit, int):
            workspace = min(workspace, memory_limit // 4)
        self._cupy = cupy
        self._tools = Tools(
            cupy, self.xp, Launcher(cupy), Gemm(cupy, tf32=tf32), self.scope, workspace
        )

    def from_numpy(self, x: Any) -> Array:
        """Copy a NumPy array to the device.

        CuPy stages the copy through pinned memory of its own, so the host goes on at once and
        may overwrite ``x``. Memory that the caller has pinned is read directly: overwrite such
        an array only after `synchronize`.
        """
        with self.scope():
            return self._cupy.asarray(np.ascontiguousarray(x) if np.ndim(x) else np.asarray(x))

    def to_numpy(self, x: Array) -> np.ndarray[Any, Any]:
        """Copy a device array to the host, and wait for it."""
        if isinstance(x, np.ndarray):
            return x
        with self.scope():
            return np.asarray(self._cupy.asnumpy(x))

    def from_array(self, x: Any) -> Array:
        """Take an array of any library; one on this device is not copied.

        Raises
        ------
        InputError
            If the object is no array.
        """
        if isinstance(x, np.ndarray):
            return self.from_numpy(x)
        index = self.scope.device.id
        with self.scope():
            if isinstance(x, self._cupy.ndarray):
                return x if x.device.id == index else x.copy()
            if not hasattr(x, "__dlpack_device__"):
                msg = f"found {type(x).__name__}, expected an array (NumPy or any DLPack exporter)"
                raise InputError(msg)
            kind, where = x.__dlpack_device__()
            if (int(kind) == _CUDA and where == index) or int(kind) == _CUDA_MANAGED:
                return self._cupy.from_dlpack(x)
        if int(kind) == _CPU:
            with suppress(RuntimeError, TypeError, ValueError, BufferError):
                return self.from_numpy(np.from_dlpack(x))
        # What does not export itself plainly (a torch tensor with a gradient), or another GPU's.
        return self.from_numpy(host_array(x))

    def kernel(self, op: Op, *shapes: Shape) -> Kernel | None:
        """Return a native function, or None where the reference is as good."""
        native: Native | None = None
        if type(op) is Conv2D:
            native = plan_convolution(self._tools, op, *shapes)
        elif type(op) is Pool2D:
            native = plan_pool(self._tools, op, *shapes)
        elif type(op) is Dense:
            native = plan_dense(self._tools, op, *shapes)
        return None if native is None else Framed(self._tools, op, shapes[0], native)

    def prepare(self, op: Op, weights: Weights) -> dict[str, Array]:
        """Copy weights to the device; HWIO is already the layout of the matrix product.

        Waits for the copy, so that threads on other streams may use the weights at once.
        """
        prepared = super().prepare(op, weights)
        if prepared:
            self.synchronize()
        return prepared

    def compile(
        self,
        graph: Graph,
        shapes: Mapping[str, Shape],
        weights: Mapping[str, Weights] | None = None,
    ) -> Executable:
        """Walk over the nodes, all on this backend's device, stream and memory pool."""
        prepared = self.prepare_graph(graph) if weights is None else weights
        return _ScopedWalk(graph, shapes, self, prepared)

    def synchronize(self, *arrays: Array) -> None:
        """Wait until everything queued on the stream is done."""
        self.scope.synchronize()

    @classmethod
    def auto_score(cls) -> tuple[int, str]:
        """Take the GPU where CuPy and a driver are there; imports neither."""
        if not installed():
            return 0, "CuPy is not installed"
        if not driver_version():
            return 0, "no NVIDIA driver"
        return 90, "CuPy and an NVIDIA driver are installed"

    @classmethod
    def probe(cls) -> Availability:
        """Import CuPy and look for devices."""
        return availability()


class _ScopedWalk(Walk):
    """A walk whose references, too, run on the backend's device, stream and memory pool."""

    backend: CupyBackend

    def run(self, inputs: Mapping[str, Array], weights: Mapping[str, Weights]) -> dict[str, Array]:
        """Enter the scope once for the whole graph."""
        with self.backend.scope():
            return super().run(inputs, weights)
