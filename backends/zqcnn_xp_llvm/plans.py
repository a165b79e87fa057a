"""What has been planned for one graph: templates by size, programs by number of samples."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Shape
from zqcnn_xp_llvm.checked import CheckedExecutable
from zqcnn_xp_llvm.code import shared_code
from zqcnn_xp_llvm.executable import LlvmExecutable
from zqcnn_xp_llvm.planner.storage import Pool
from zqcnn_xp_llvm.planner.template import Template
from zqcnn_xp_llvm.program import build

if TYPE_CHECKING:
    from zqcnn_xp_llvm.backend import LlvmBackend

__all__ = ["Plans"]

# Sizes of samples whose plans are kept; photos of all sizes would otherwise pile up.
MOST_TEMPLATES = 64
# Bytes of weights that a shared cache still holds when the network runs again.
CACHED = 12 << 20

_Key = tuple[Shape, ...]


class Plans:
    """The plans of one graph and the packed weights that they share.

    Parameters
    ----------
    backend
        Gives processor and options.
    graph
        The graph; it is not kept.
    """

    def __init__(self, backend: LlvmBackend, graph: Graph) -> None:
        self.threads = backend.threads or 1
        self.checked = backend.checked
        self.code = shared_code(backend.target, backend.checked)
        cold = 4 * graph.parameters > CACHED
        self.pool = Pool(backend.target, exact=backend.exact, cold=cold)
        self._templates: OrderedDict[_Key, Template] = OrderedDict()
        self._lock = threading.Lock()

    def executable(
        self, graph: Graph, shapes: Mapping[str, Shape]
    ) -> LlvmExecutable | CheckedExecutable:
        """Return what runs the graph at these shapes of its inputs."""
        count = next(iter(shapes.values()))[0]
        whole = graph.shapes(shapes)
        template = self._template(graph, whole)
        if self.checked:
            return CheckedExecutable(template, count, self.code, whole, self.threads)
        with self._lock:
            program = build(template, count, self.code, self.threads)
        return LlvmExecutable(program, self.code, whole, self.threads)

    def _template(self, graph: Graph, shapes: Mapping[str, Shape]) -> Template:
        ins = [shapes[source.name] for source in graph.inputs]
        # Ops that mix samples see other shapes for another number of them.
        mixed = any(node.op.mixes_batch for node in graph.nodes)
        # So do inputs of another number than the first.
        key = tuple(s if mixed or s[:1] != ins[0][:1] else s[1:] for s in ins)
        with self._lock:
            found = self._templates.get(key)
            if found is None:
                found = self._templates[key] = Template(graph, shapes, self.pool)
                while len(self._templates) > MOST_TEMPLATES:
                    self._templates.popitem(last=False)
            self._templates.move_to_end(key)
            return found
