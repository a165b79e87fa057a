"""NumPy arrays in and out, and machine code in between that is generated for each network."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np

from zqcnn_xp.backend import Availability, Backend
from zqcnn_xp.config import resolve
from zqcnn_xp.errors import BackendUnavailable
from zqcnn_xp.executable import Executable, Walk
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Op, Shape, Weights
from zqcnn_xp.threads import thread_setting
from zqcnn_xp_llvm.shelf import Shelf
from zqcnn_xp_llvm.target import PIP, host_target

if TYPE_CHECKING:
    from zqcnn_xp_llvm.plans import Plans

__all__ = ["LlvmBackend"]


class LlvmBackend(Backend):
    """Run on the CPU with kernels that are generated through llvmlite.

    A whole network becomes one plan: steps fused, a layout for every value, one arena, packed
    weights, and a table of calls to kernels that were generated for exactly these steps. Kernels
    do not depend on sizes: images of all sizes share them. Compiled kernels are kept on disk.

    Parameters
    ----------
    device
        Only ``"cpu"`` (or None).
    threads
        Threads of one call; None takes the setting in force.
    exact
        Refuse kernels that round differently from a plain sum of products (Winograd's).
    checked
        Compare every access of a kernel with the bounds of its buffer, and raise where one lies
        outside. Slow; for those who write kernels.
    autotune
        Measure on the first executable of a graph at a size where another choice than the cost
        rule's is faster: transforms of 3 x 3 convolutions, length of vectors. It takes up to a
        few seconds once; what was found is kept for later processes. None takes the setting in
        force (``ZQCNN_XP_AUTOTUNE``).
    width
        Widest vectors to use, in bits: 128, 256 or 512; None takes the widest there are. Or a
        name: ``"AVX2"``, see `zqcnn_xp_llvm.target.target_for`.

    Raises
    ------
    BackendUnavailable
        If llvmlite is absent, there is no code generator for this processor, or the device is
        another one.
    """

    name: ClassVar[str] = "llvm"
    pip: ClassVar[str | None] = PIP

    def __init__(
        self,
        device: Any = None,
        *,
        threads: int | None = None,
        exact: bool = False,
        checked: bool = False,
        autotune: bool | None = None,
        width: int | str | None = None,
    ) -> None:
        if device not in (None, "cpu"):
            msg = f"the llvm backend runs on 'cpu' alone, found device {device!r}"
            raise BackendUnavailable(msg)
        super().__init__(np, "cpu")
        self.thread_setting = thread_setting(threads)
        self.target = host_target(width)
        self.exact = exact
        self.checked = checked
        self.autotune = bool(resolve("autotune", autotune, False).value)
        # Vectors that were asked for are not tuned.
        self.widths = (256,) if width is None and self.target.name == "AVX-512" else ()
        self._plans: WeakKeyDictionary[Graph, Plans] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self.shelf = Shelf()

    def from_numpy(self, x: Any) -> np.ndarray[Any, Any]:
        """Return the array itself."""
        return np.asarray(x)

    def prepare(self, op: Op, weights: Weights) -> dict[str, Any]:
        """Keep the graph's arrays; plans pack them in their own order."""
        return {name: np.ascontiguousarray(w, dtype=np.float32) for name, w in weights.items()}

    def compile(
        self,
        graph: Graph,
        shapes: Mapping[str, Shape],
        weights: Mapping[str, Weights] | None = None,
    ) -> Executable:
        """Plan the graph at these shapes; 16-bit types and empty arrays run the references."""
        if self.dtype != "float32" or any(0 in shape for shape in shapes.values()):
            return Walk(
                graph, shapes, self, self.prepare_graph(graph) if weights is None else weights
            )
        return self.plans(graph).executable(graph, shapes)

    def scanner(self, dtype: str, dim: int) -> Any:
        """Scan float32 features and, where the processor multiplies bytes, int8 ones."""
        from zqcnn_xp_llvm.code import shared_code
        from zqcnn_xp_llvm.scanner import scanner_for

        return scanner_for(shared_code(self.target, checked=False), dtype, dim)

    def plans(self, graph: Graph) -> Plans:
        """Return what has been planned for a graph, shared by all shapes."""
        from zqcnn_xp_llvm.plans import Plans

        with self._lock:
            found = self._plans.get(graph)
            if found is None:
                found = self._plans[graph] = Plans(self, graph)
            return found

    @classmethod
    def auto_score(cls) -> tuple[int, str]:
        """Offer the fastest way on a CPU where llvmlite is installed and knows the processor."""
        from importlib.util import find_spec
        from platform import machine

        if find_spec("llvmlite") is None:
            return 0, "llvmlite is not installed"
        if machine().lower() not in ("x86_64", "amd64", "aarch64", "arm64"):
            return 0, f"no code generator for {machine()}"
        return 20, "generated kernels, the quickest on a CPU"

    @classmethod
    def probe(cls) -> Availability:
        """Say whether llvmlite is there and knows this processor."""
        try:
            target = host_target()
        except BackendUnavailable as error:
            return Availability(ready=False, reason=str(error), pip=PIP)
        import llvmlite

        reason = f"{target.name} vectors of {target.lanes} floats, {target.cpu}"
        return Availability(True, llvmlite.__version__, ("cpu",), reason)
