"""JAX as a backend: a whole graph becomes one XLA program."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from zqcnn_xp.backend import Availability, Backend, Kernel, host_array
from zqcnn_xp.errors import BackendUnavailable, InputError
from zqcnn_xp.executable import Executable
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Array, Op, Shape, Weights
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp_jax.cache import keep_programs
from zqcnn_xp_jax.devices import accelerator_plugin, choose_device, device_name, device_names
from zqcnn_xp_jax.threads import client_threads
from zqcnn_xp_jax.winograd import pays, transform_kernel

__all__ = ["JaxBackend", "Precision"]

Precision = Literal["highest", "high", "default"]

_PIP = "pip install 'zqcnn-xp[jax]'"


class JaxBackend(Backend):
    """Run networks as XLA programs through ``jax.jit``.

    Parameters
    ----------
    device
        ``"cpu"``, ``"gpu"``, ``"gpu:1"``, a number, a ``jax.Device``, or None for JAX's default.
    precision
        Of matrix products and convolutions: ``"highest"`` is float32 everywhere;
        ``"high"`` and ``"default"`` allow TF32 on NVIDIA's GPUs and bfloat16 passes on TPUs.
    cache_dir
        Folder for compiled programs, so that a later process need not compile again; None takes
        the folder ``jax`` in that of the environment variable ``ZQCNN_XP_CACHE_DIR``, and without
        it nothing is written. JAX's cache is one per process: `zqcnn_xp_jax.cache`.
    exact
        Refuse Winograd's convolution, which a CPU otherwise runs for dense 3x3 kernels. Its
        results differ from a plain one's by about as much as two orders of adding up do.

    Raises
    ------
    BackendUnavailable
        If JAX is not installed or has no such device.
    InputError
        If ``device`` or ``precision`` is no name of one.

    Notes
    -----
    JAX's configuration is not changed, but for the cache where one is asked for: precision is set
    around our own calls, in this thread. The setting ``threads`` reaches the CPU client where this
    library is the first to start JAX: `zqcnn_xp_jax.threads`.

    Weights are arguments of the program, so programs for several shapes share them, and
    equal networks share programs.
    """

    name: ClassVar[str] = "jax"
    jits: ClassVar[bool] = True
    pip: ClassVar[str | None] = _PIP
    reduced_kernels: ClassVar[bool] = True

    def __init__(
        self,
        device: Any = None,
        *,
        precision: Precision = "highest",
        cache_dir: str | os.PathLike[str] | None = None,
        exact: bool = False,
    ) -> None:
        try:
            import jax
            import jax.numpy as jnp
        except ImportError as error:
            msg = f"the jax backend needs JAX, which cannot be imported ({error})"
            raise BackendUnavailable(msg, pip=_PIP) from error
        if precision not in get_args(Precision):
            msg = f"found precision {precision!r}, expected one of {', '.join(get_args(Precision))}"
            raise InputError(msg)
        try:
            with client_threads.starting():
                chosen = choose_device(jax, device)
        except RuntimeError as error:
            if isinstance(error, BackendUnavailable):
                raise
            msg = f"jax cannot start a device: {error}"
            raise BackendUnavailable(msg) from error
        super().__init__(jnp, chosen)
        if chosen.platform == "cpu":
            self.thread_setting = client_threads.setting
        self.precision = precision
        self.exact = exact
        self.cache_dir = _cache_folder(cache_dir)
        if self.cache_dir is not None:
            self.cache_dir = keep_programs(self.cache_dir)
        self._traces = 0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Name, device and precision."""
        return f"<JaxBackend device={device_name(self.device)} precision={self.precision}>"

    @property
    def traces(self) -> int:
        """How often a graph was traced so far: each is one compilation, or one cache hit."""
        return self._traces

    def count_trace(self) -> None:
        """Count one more trace; called by the function that is traced."""
        with self._lock:
            self._traces += 1

    def from_numpy(self, x: Any) -> Array:
        """Put a NumPy array on the device; on a CPU it may stay where it is."""
        import jax

        return jax.device_put(_in_order(np.asarray(x)), self.device)

    def to_numpy(self, x: Array) -> np.ndarray[Any, Any]:
        """Bring an array to the host; the result is the caller's to write to."""
        found = np.asarray(x)
        return found if found.flags.writeable else found.copy()

    def from_array(self, x: Any) -> Array:
        """Take an array of any library, through DLPack and without a copy where JAX can."""
        import jax

        found = x if isinstance(x, jax.Array) else super().from_array(x)
        if isinstance(found, jax.core.Tracer):
            return found
        if _row_major(found):
            return jax.device_put(found, self.device)
        # It kept the exporter's strides, which programs do not accept, nor, in JAX before 0.5,
        # most functions: on a CPU a copy by NumPy costs the same and always works.
        if found.devices() <= set(jax.devices("cpu")):
            return self.from_numpy(host_array(x))
        return jax.device_put(jax.numpy.copy(found), self.device)

    def product(self, a: Array, b: Array) -> Array:
        """Return the matrix product; matrix units of shorter floats are never enough here."""
        import jax

        with jax.default_matmul_precision("highest"):
            return a @ b

    def kernel(self, op: Op, *shapes: Shape) -> Kernel | None:
        """Return XLA's primitive where it is quicker, under this backend's precision."""
        import jax

        from zqcnn_xp_jax.kernels import kernel_for

        native = kernel_for(op, *shapes, cpu=self.device.platform == "cpu")
        if native is None and not op.weights(*shapes):
            return None

        def kernel(weights: Weights, *xs: Array) -> tuple[Array, ...]:
            with jax.default_matmul_precision(self.precision):
                if native is not None:
                    return native(weights, *xs)
                return op.forward(self.xp, weights, *xs)

        return kernel

    def prepare(self, op: Op, weights: Weights) -> dict[str, Array]:
        """Put weights on the device, kernels for Winograd's convolution transformed."""
        if self.device.platform == "cpu" and isinstance(op, Conv2D) and not self.exact:
            plain = self.dtype == "float32" and self.precision == "highest"
            if plain and pays(op, weights["weight"].shape[2]):
                weights = transform_kernel(weights)
        return super().prepare(op, weights)

    def compile(
        self,
        graph: Graph,
        shapes: Mapping[str, Shape],
        weights: Mapping[str, Weights] | None = None,
    ) -> Executable:
        """Trace and compile the graph at these shapes."""
        from zqcnn_xp_jax.program import Program

        return Program(
            self, graph, shapes, self.prepare_graph(graph) if weights is None else weights
        )

    def synchronize(self, *arrays: Array) -> None:
        """Wait until these arrays are computed."""
        import jax

        jax.block_until_ready(arrays)

    @classmethod
    def auto_score(cls) -> tuple[int, str]:
        """Positive only where a plugin for an accelerator is installed; imports nothing."""
        plugin = accelerator_plugin()
        if plugin is None:
            return 0, "jax has no accelerator plugin here; on a CPU it must be asked for"
        return 40, f"jax with {plugin}"

    @classmethod
    def probe(cls) -> Availability:
        """Import JAX and list its devices."""
        try:
            import jax
        except ImportError as error:
            return Availability(ready=False, reason=f"jax cannot be imported: {error}", pip=_PIP)
        try:
            with client_threads.starting():
                names = device_names(jax)
            return Availability(ready=True, version=jax.__version__, devices=names)
        except Exception as error:
            reason = f"jax cannot start a device: {error}"
            return Availability(ready=False, version=jax.__version__, reason=reason)


def _cache_folder(given: str | os.PathLike[str] | None) -> Path | None:
    if given is not None:
        return Path(given)
    common = os.environ.get("ZQCNN_XP_CACHE_DIR")
    return Path(common) / "jax" if common else None


def _in_order(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return an array whose axes lie in memory in their own order."""
    if x.ndim != 4 or x.shape[3] > 4 or x.strides[3] <= x.strides[2]:
        return np.asarray(x, order="C")
    # An image whose channels lie apart: NumPy would copy pixel by pixel.
    y = np.empty(x.shape, x.dtype)
    for channel in range(x.shape[3]):
        y[..., channel] = x[..., channel]
    return y


def _row_major(x: Any) -> bool:
    """Tell whether an array's axes lie in memory in their own order."""
    # JAX renamed both attributes; where there are neither, it has no other layouts.
    held = getattr(x, "format", None) or getattr(x, "layout", None)
    layout = getattr(held, "layout", None) or getattr(held, "device_local_layout", None)
    order = getattr(layout, "major_to_minor", None)
    return order is None or tuple(order) == tuple(range(x.ndim))
