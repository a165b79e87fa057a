"""What has been planned for one graph: templates by size, programs by number of samples."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter, thread_time
from typing import TYPE_CHECKING

import numpy as np

from zqcnn_xp.graph import Graph
from zqcnn_xp.layout import to_storage
from zqcnn_xp.ops.base import Shape
from zqcnn_xp_llvm.choices import Choices, graph_digest
from zqcnn_xp_llvm.code import note_key, shared_code
from zqcnn_xp_llvm.executable import LlvmExecutable
from zqcnn_xp_llvm.planner.storage import Pool
from zqcnn_xp_llvm.planner.template import Template
from zqcnn_xp_llvm.program import build
from zqcnn_xp_llvm.target import Target, host_target

if TYPE_CHECKING:
    from zqcnn_xp_llvm.backend import LlvmBackend
    from zqcnn_xp_llvm.checked import CheckedExecutable

__all__ = ["Plans"]

# Sizes of samples whose plans are kept; photos of all sizes would otherwise pile up.
MOST_TEMPLATES = 64
# Bytes of weights that a shared cache still holds when the network runs again.
CACHED = 12 << 20

_Key = tuple[Shape, ...]


def _any_size(graph: Graph) -> bool:
    """Whether a network takes maps of more than one size."""
    return any(None in source.shape[2:] for source in graph.inputs)


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
        self.shelf = backend.shelf
        self.code = shared_code(backend.target, backend.checked)
        self.autotune, self.widths = backend.autotune, backend.widths
        cold = 4 * graph.parameters > CACHED
        target = replace(backend.target, few=_any_size(graph))
        self.pool = Pool(target, exact=backend.exact, cold=cold)
        # Of vectors that a measurement has chosen.
        self._pools = {target: self.pool}
        self._templates: OrderedDict[_Key, tuple[Template, Choices]] = OrderedDict()
        self._lock = threading.Lock()

    def executable(
        self, graph: Graph, shapes: Mapping[str, Shape]
    ) -> LlvmExecutable | CheckedExecutable:
        """Return what runs the graph at these shapes of its inputs."""
        whole = graph.shapes(shapes)
        template, choices = self._template(graph, whole)
        if self.checked:
            from zqcnn_xp_llvm.checked import CheckedExecutable

            count = next(iter(shapes.values()))[0]
            return CheckedExecutable(template, count, self.code, whole, self.threads)
        with self._lock:
            return self._built(graph, template, whole, choices)

    def _built(
        self, graph: Graph, template: Template, shapes: Mapping[str, Shape], choices: Choices
    ) -> LlvmExecutable:
        """Return what runs a template at these shapes of all values."""
        code = shared_code(template.pool.target, False)
        count = shapes[graph.inputs[0].name][0]
        program = build(template, count, code, self.threads)
        return LlvmExecutable(program, code, shapes, self.threads, choices.remarks, self.shelf)

    def _template(self, graph: Graph, shapes: Mapping[str, Shape]) -> tuple[Template, Choices]:
        ins = [shapes[source.name] for source in graph.inputs]
        # Ops that mix samples see other shapes for another number of them.
        mixed = any(node.op.mixes_batch for node in graph.nodes)
        # So do inputs of another number than the first.
        key = tuple(s if mixed or s[:1] != ins[0][:1] else s[1:] for s in ins)
        with self._lock:
            found = self._templates.get(key)
            if found is None:
                choices = self._choices(graph, shapes)
                pool = self._pool(choices, self._pools)
                found = self._templates[key] = (Template(graph, shapes, pool), choices)
                while len(self._templates) > MOST_TEMPLATES:
                    self._templates.popitem(last=False)
            self._templates.move_to_end(key)
            return found

    def _pool(self, choices: Choices, pools: dict[Target, Pool]) -> Pool:
        """Return packed weights for some choices; adds what is not among ``pools`` yet."""
        target = self.pool.target
        if choices.width is not None:
            target = replace(host_target(choices.width), few=target.few)
        if target not in pools:
            pools[target] = Pool(target, exact=self.pool.exact, cold=self.pool.cold)
        return pools[target].chosen(choices.transforms)

    def _choices(self, graph: Graph, shapes: Mapping[str, Shape]) -> Choices:
        """Return what was measured for a graph at these shapes, now or by an earlier process."""
        if not self.autotune or self.checked:
            return Choices()
        named = {source.name: shapes[source.name] for source in graph.inputs}
        options = (graph_digest(graph, named), self.threads, self.pool.exact, self.widths)
        key, cache = note_key(self.pool.target, repr(options)), self.code.cache
        found = None if cache is None else Choices.from_note(cache.get_note(key))
        if found is None:
            compiled = self._compiled()
            found, finished = self._tuned(graph, shapes, named)
            # Where compiling took the time, the next process has more for measuring.
            if cache is not None and (finished or self._compiled() == compiled):
                cache.put_note(key, found.to_note())
        return found

    def _compiled(self) -> int:
        """Return how many kernels this process has compiled for the vectors that are tried."""
        targets = [self.pool.target, *(host_target(width) for width in self.widths)]
        return sum(shared_code(target, False).compiled for target in targets)

    def _tuned(
        self, graph: Graph, shapes: Mapping[str, Shape], named: Mapping[str, Shape]
    ) -> tuple[Choices, bool]:
        from zqcnn_xp_llvm.tuning import Meter, tune

        pools: dict[Target, Pool] = {}  # weights packed in ways that are not taken go again

        def make(choices: Choices) -> LlvmExecutable:
            held = self._pools if choices == Choices() else pools
            template = Template(graph, shapes, self._pool(choices, held))
            return self._built(graph, template, shapes, choices)

        rng = np.random.default_rng(0)
        inputs = {
            name: to_storage(np, rng.standard_normal(shape, np.float32))
            for name, shape in named.items()
        }
        # One thread's own time does not count what other processes take.
        timer = thread_time if self.threads == 1 else perf_counter
        return tune(make, Meter(inputs, timer), widths=self.widths)
