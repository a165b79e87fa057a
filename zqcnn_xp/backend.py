"""What a backend is: an array namespace, a device, and optional native kernels.

`Backend` is concrete. ``Backend(namespace)`` alone runs any network on any Array API namespace
through the references of the ops; a plugin subclasses it and overrides what is quicker natively.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeAlias

import numpy as np
from array_api_compat import device as device_of
from array_api_compat import to_device

from zqcnn_xp.config import Setting
from zqcnn_xp.errors import BackendUnavailable, InputError
from zqcnn_xp.executable import Executable, Walk
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Availability", "Backend", "Choice", "Kernel"]

Kernel: TypeAlias = Callable[..., tuple[Array, ...]]
"""``kernel(weights, *inputs) -> outputs``, all arrays in storage layout."""


@dataclass(frozen=True)
class Availability:
    """Whether a backend can run here.

    Parameters
    ----------
    ready
        It can.
    version
        Of its array library, empty where that is absent.
    devices
        Names that the ``device`` argument accepts.
    reason
        Why not, or a remark.
    pip
        The command that brings what is missing.
    """

    ready: bool
    version: str = ""
    devices: tuple[str, ...] = ()
    reason: str = ""
    pip: str | None = None


@dataclass(frozen=True)
class Choice:
    """Where the choice of a backend came from.

    Parameters
    ----------
    source
        ``"argument"``, ``"using()"``, ``"ZQCNN_XP_BACKEND"``, a file's name, or ``"auto"``.
    reason
        In words.
    fallback
        Something better was wanted and could not be had.
    """

    source: str = "argument"
    reason: str = ""
    fallback: bool = False


class Backend:
    """Run graphs on one array namespace and device.

    Parameters
    ----------
    xp
        An Array API namespace, or a library that ``array_api_compat`` knows.
    device
        A device of that namespace, or None for its default.

    Examples
    --------
    >>> import numpy as np
    >>> backend = Backend(np)
    >>> backend.to_numpy(backend.from_numpy(np.ones(3, np.float32)))
    array([1., 1., 1.], dtype=float32)
    """

    name: ClassVar[str] = "array-api"
    """Name under which the plugin is registered."""
    jits: ClassVar[bool] = False
    """Every new input shape costs a compilation: callers round sizes up to buckets."""
    small_images: ClassVar[int] = 32
    """Images of a face's size that a network does best with at once."""
    pip: ClassVar[str | None] = None
    """Command that installs what the backend needs."""
    reduced_kernels: ClassVar[bool] = False
    """`kernel` and `prepare` also serve 16-bit types; without, those run the references."""
    dtype: str = "float32"
    """Type that networks compute in; see `with_dtype`."""
    thread_setting: Setting = Setting(None, "", 4)
    """What `threads` is, and its source; a backend that has threads sets it when it is made."""

    def __init__(self, xp: Any = None, device: Any = None) -> None:
        if xp is None:
            msg = f"backend {self.name!r} needs an array namespace, for example Backend(numpy)"
            raise BackendUnavailable(msg)
        self.xp = _compat(xp)
        self.device = device
        self.choice = Choice()

    def __repr__(self) -> str:
        """Name, namespace and device."""
        return f"<{type(self).__name__} {self.name} xp={self.xp.__name__} device={self.device}>"

    @cached_property
    def _home(self) -> Any:
        # The device that `device` means: None is the library's default, "cuda" is "cuda:0".
        return device_of(self.xp.empty((0,), device=self.device))

    @property
    def threads(self) -> int | None:
        """CPU threads that one call may use, or None where the library decides."""
        found: int | None = self.thread_setting.value
        return found

    def from_numpy(self, x: Any) -> Array:
        """Put a NumPy array on the device."""
        x = np.asarray(x)
        if not x.flags.writeable or any(stride < 0 for stride in x.strides):
            # Some libraries (torch) refuse these or warn; a copy is always legal.
            x = x.copy()
        return self.xp.asarray(x, device=self.device)

    def to_numpy(self, x: Array) -> np.ndarray[Any, Any]:
        """Bring an array of this backend to the host."""
        if isinstance(x, np.ndarray):
            return x
        detach = getattr(x, "detach", None)
        return np.asarray(x if detach is None else detach().cpu())

    def from_array(self, x: Any) -> Array:
        """Take an array of any library: through DLPack without a copy where the devices agree.

        Raises
        ------
        InputError
            If the object is no array.
        """
        if isinstance(x, np.ndarray):
            return self.from_numpy(x)
        if not hasattr(x, "__dlpack__"):
            msg = f"found {type(x).__name__}, expected an array (NumPy or any DLPack exporter)"
            raise InputError(msg)
        try:
            found = self.xp.from_dlpack(x)
        except (RuntimeError, TypeError, ValueError, BufferError, AttributeError):
            # Another device, or an exporter that the library does not take: by way of the host.
            return self.from_numpy(host_array(x))
        return found if device_of(found) == self._home else to_device(found, self._home)

    def kernel(self, op: Op, *shapes: Shape) -> Kernel | None:
        """Return a native function for an op at these logical shapes; None takes the reference."""
        return None

    def prepare(self, op: Op, weights: Weights) -> dict[str, Array]:
        """Put a node's weights on the device, in the layout that the kernels want."""
        return {name: self.from_numpy(w) for name, w in weights.items()}

    def with_dtype(self, dtype: str) -> Backend:
        """Return this backend, computing in another floating-point type.

        Raises
        ------
        InputError
            If the array library has no such type.
        """
        if not hasattr(self.xp, dtype):
            msg = f"backend {self.name!r} cannot compute in {dtype}: its arrays have no such type"
            raise InputError(msg)
        made = copy(self)
        made.dtype = dtype
        return made

    def prepare_node(self, op: Op, weights: Weights) -> dict[str, Array]:
        """Prepare weights for what will run the node, kernel or reference, in `dtype`."""
        if self.dtype == "float32":
            return self.prepare(op, weights)
        if self.reduced_kernels:
            held = self.prepare(op, weights)
        else:
            held = {name: self.from_numpy(w) for name, w in weights.items()}
        if op.full_precision:
            return held
        dtype = getattr(self.xp, self.dtype)
        return {name: self.xp.astype(w, dtype) for name, w in held.items()}

    def prepare_graph(self, graph: Graph) -> dict[str, dict[str, Array]]:
        """Prepare the weights of every node, by node name."""
        return {node.name: self.prepare_node(node.op, node.weights) for node in graph.nodes}

    def compile(
        self,
        graph: Graph,
        shapes: Mapping[str, Shape],
        weights: Mapping[str, Weights] | None = None,
    ) -> Executable:
        """Make something that runs ``graph`` at these input shapes.

        This is the hook by which a backend takes a whole graph, to fuse it, trace it or generate
        code for it. The default walks over the nodes and asks `kernel` for each.

        Parameters
        ----------
        graph
            A graph without host ops.
        shapes
            Logical shape of each input.
        weights
            What `prepare_graph` returned, so that several shapes share it; None prepares now.
        """
        return Walk(graph, shapes, self, self.prepare_graph(graph) if weights is None else weights)

    def product(self, a: Array, b: Array) -> Array:
        """Return the matrix product of two float32 matrices, to the precision of float32."""
        return a @ b

    def scanner(self, dtype: str, dim: int) -> Callable[[np.ndarray[Any, Any]], Any] | None:
        """Return what makes a native `zqcnn_xp.gallery.scanners.Scanner` of (q, dim) queries.

        Parameters
        ----------
        dtype
            Of the stored features: ``"float32"`` or ``"int8"``. ``"int8-pairs"`` is for queries
            that are such features themselves: (q, dim) int8, with their (q,) scales.
        dim
            Values of a feature.

        Returns
        -------
        callable or None
            None: float32 features are multiplied through `product`, others decoded first, and
            pairs compared in float32.
        """
        return None

    def synchronize(self, *arrays: Array) -> None:
        """Wait until these arrays are computed."""

    @classmethod
    def auto_score(cls) -> tuple[int, str]:
        """Say how good a choice this backend would be, without importing anything heavy.

        Returns
        -------
        score, reason
            0 means never taken on its own; the highest score wins.
        """
        return 0, "not chosen automatically"

    @classmethod
    def probe(cls) -> Availability:
        """Say whether the backend can run; may import its library, never raises."""
        return Availability(ready=True)


def host_array(x: Any) -> np.ndarray[Any, Any]:
    """Copy an array of any library to NumPy."""
    if isinstance(x, np.ndarray):
        return x
    get = getattr(x, "get", None)  # cupy refuses an implicit copy to the host
    if callable(get) and hasattr(x, "__cuda_array_interface__"):
        return np.asarray(get())
    if hasattr(x, "detach"):
        return np.asarray(x.detach().cpu())
    return np.asarray(x)


def _compat(xp: Any) -> Any:
    # The namespace that array_api_compat gives for an array is the one whose functions
    # follow the standard: torch and cupy themselves do not in every function. NumPy 2 does, and
    # its wrapper costs a quarter of the time that a first detection takes.
    name = getattr(xp, "__name__", "")
    if name in ("torch", "cupy", "dask.array"):
        from importlib import import_module

        return import_module(f"array_api_compat.{name}")
    return xp
