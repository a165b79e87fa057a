"""What a step needs of the values it reads: their layout, their border, room behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from zqcnn_xp.ops.base import Shape
from zqcnn_xp_llvm.planner.assign import dense_reads_blocks, transform_of, window_of
from zqcnn_xp_llvm.planner.layout import NO_BORDER, Border, Layout
from zqcnn_xp_llvm.planner.steps import (
    ConvStep,
    DenseStep,
    HostStep,
    MapStep,
    MoveStep,
    NormStep,
    SoftmaxStep,
    Step,
    WindowStep,
)
from zqcnn_xp_llvm.planner.storage import Pool
from zqcnn_xp_llvm.planner.windows import Window

__all__ = ["Need", "needs_of", "writes_plain"]


@dataclass(frozen=True)
class Need:
    """How a value has to lie for one reader.

    Parameters
    ----------
    kind
        ``"blocks"``, ``"planar"`` (rows or logical order), ``"plain"`` (logical order) or
        ``"any"``.
    border
        Cells that have to be there.
    room
        The reader may touch a float behind the last one, so the memory must be ours.
    """

    kind: Literal["blocks", "planar", "plain", "any"]
    border: Border = NO_BORDER
    room: bool = False

    def met(self, layout: Layout, *, ours: bool) -> bool:
        """Whether a layout serves the reader."""
        fits = {
            "blocks": layout.kind == "blocks",
            "planar": layout.kind != "blocks",
            "plain": layout.kind == "plain",
            "any": True,
        }[self.kind]
        return fits and layout.border.covers(self.border) and (ours or not self.room)


def needs_of(
    step: Step, shapes: Mapping[str, Shape], kinds: Mapping[str, bool], pool: Pool
) -> list[Need]:
    """Return the need of each value that a step reads.

    Parameters
    ----------
    step
        The step.
    shapes, kinds
        Logical shapes of all values, and whether they lie in blocks.
    pool
        Gives the processor, and whether transforms are allowed.
    """
    lanes = pool.target.lanes
    blocks = kinds[step.writes]
    same = Need("blocks" if blocks else "planar")
    ins = [shapes[v] for v in step.reads]
    if isinstance(step, ConvStep | WindowStep):
        window = window_of(step, ins[0])
        part = not blocks and window.stride[1] == 2 and _reads_on(window, ins[0][3], step.shape[3])
        first = Need(same.kind, window.border, room=part)
        if isinstance(step, ConvStep) and blocks:
            aligned = step.conv.groups == 1 or (ins[0][1] // step.conv.groups) % lanes == 0
            first = Need("any" if aligned else "planar", window.border)
            if transform_of(pool, step, ins[0])[0]:
                first = Need("blocks", window.border)
        return [first, *[same] * (len(ins) - 1)]
    if isinstance(step, DenseStep):
        fits = kinds[step.reads[0]] and dense_reads_blocks(ins[0], lanes)
        return [Need("blocks" if fits else "plain")]
    if isinstance(step, HostStep):
        return [Need("plain")] * len(ins)
    if isinstance(step, MapStep):
        return [same if len(step.shape) == 4 else Need("plain")] * len(ins)
    if isinstance(step, NormStep):
        return [Need("planar")]
    if isinstance(step, SoftmaxStep):
        return [Need("planar" if _along_channels(step) else "plain")]
    return _move_needs(step, ins, same) if isinstance(step, MoveStep) else [same] * len(ins)


def _reads_on(window: Window, width: int, out: int) -> bool:
    """Whether a row kernel with a stride of 2, which reads pairs, reads behind the map."""
    last = (out - 1) * window.stride[1] + (window.kernel[1] - 1) * window.dilation[1]
    return last + 1 >= window.border.left + width


def writes_plain(step: Step) -> bool:
    """Whether a step can write logical order alone, without a border."""
    if isinstance(step, MoveStep):
        return not _keeps_planes(step)
    if isinstance(step, SoftmaxStep):
        return not _along_channels(step)
    return False


def _along_channels(step: SoftmaxStep) -> bool:
    return len(step.shape) == 4 and getattr(step.op, "axis", 1) % 4 == 1


def _keeps_planes(step: MoveStep) -> bool:
    """Whether a step moves whole planes, or blocks, or repeats their pixels."""
    from zqcnn_xp.ops.concat import Concat
    from zqcnn_xp.ops.slice import Slice
    from zqcnn_xp.ops.upsample import Upsample

    op = step.op
    if len(step.shape) != 4:
        return False
    if isinstance(op, Concat):
        return op.axis % 4 == 1
    if isinstance(op, Slice):
        return op.axis % 4 == 1 and op.step == 1
    return isinstance(op, Upsample)


def _move_needs(step: MoveStep, ins: list[Shape], same: Need) -> list[Need]:
    return [same if _keeps_planes(step) else Need("plain")] * len(ins)
