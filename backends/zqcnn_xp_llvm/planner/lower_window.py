"""Pooling and depthwise convolutions as instructions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp_llvm.codegen.expression import ACC, const, params_of, substitute
from zqcnn_xp_llvm.kernels.windows import WindowBlocks, WindowRows
from zqcnn_xp_llvm.planner.assign import window_of
from zqcnn_xp_llvm.planner.lower_conv import row_params
from zqcnn_xp_llvm.planner.pack import block_vectors
from zqcnn_xp_llvm.planner.steps import Step
from zqcnn_xp_llvm.planner.storage import Instruction, Place, Pool, Storage, instruction
from zqcnn_xp_llvm.planner.tiles import window_tile

__all__ = ["window"]


def window(
    pool: Pool, step: Step, x: Storage, out: Storage, res: Storage | None, rows: range
) -> list[Instruction]:
    """Return the instructions that compute some rows of a window's step."""
    lay = x.layout
    shape = (1, lay.map.c, lay.map.h, lay.map.w)
    found = window_of(step, shape)
    formula = step.formula
    if found.scale != 1.0:
        scaled = ("mul", ACC, const(found.scale))
        formula = substitute(formula, lambda k: scaled if k == 0 else ("in", k))
    step = replace(step, formula=formula)
    blocks = lay.kind == "blocks"
    lanes = pool.target.lanes
    width, count = out.layout.map.w, len(rows)
    part = found.stride if found.dilation == (1, 1) else (found.kernel[0], found.stride[1])
    tall, across = window_tile(
        pool.target,
        found.kernel,
        part,
        count,
        width,
        blocks=blocks,
        params=len(params_of(formula)),
    )
    common: dict[str, Any] = {
        "fold": found.fold,
        "kernel": found.kernel,
        "step_y": found.stride[0],
        "step_x": found.stride[1],
        "dilation_x": found.dilation[1],
        "formula": formula,
    }
    unit = "block" if blocks else "channel"
    if blocks:
        kernel: WindowBlocks | WindowRows = WindowBlocks(
            **common,
            in_px=lay.pixel,
            out_px=out.layout.pixel,
            res_px=0 if res is None else res.layout.pixel,
            rows=tall,
            pixels=across,
        )
    else:
        kernel = WindowRows(**common, rows=tall, vectors=across)
        across *= lanes
    top = rows.start * found.stride[0] - found.border.top
    places: dict[str, Place] = {
        "x": x.at(top, 0, -found.border.left),
        "out": out.at(rows.start),
        "params": _params(pool, step, lay.map.c, blocks),
    }
    if isinstance(step.op, Conv2D):
        places |= _weights(pool, step, blocks)
    if res is not None:
        places["res"] = res.at(rows.start)
    integers = {
        f"{unit}s": lay.planes,
        "rows": -(-count // tall),
        "row_last": count - tall,
        "tiles": -(-width // across),
        "tile_last": width - across,
        "x_row": found.stride[0] * lay.row,
        "x_tap": found.dilation[0] * lay.row,
        f"x_{unit}": lay.plane,
        "out_row": out.layout.row,
        f"out_{unit}": out.layout.plane,
        "res_row": 0 if res is None else res.layout.row,
        f"res_{unit}": 0 if res is None else res.layout.plane,
    }
    return [instruction(kernel, places, integers)]


def _params(pool: Pool, step: Step, channels: int, blocks: bool) -> Place:
    if not blocks:
        return row_params(pool, step, slice(0, channels))
    return block_params(pool, step, channels)


def block_params(pool: Pool, step: Step, channels: int) -> Place:
    """Pack a formula's parameters for blocks: (block, parameter, lane)."""
    lanes = pool.target.lanes

    def make() -> np.ndarray:
        order = sorted(params_of(step.formula))
        if not order:
            return np.zeros(1, np.float32)
        table = np.stack([step.params[j] for j in order])
        return block_vectors(table, 0, -(-channels // lanes), 1, lanes)[:, :, 0]

    return pool.pack((step.name, "block params"), make)


def _weights(pool: Pool, step: Step, blocks: bool) -> dict[str, Place]:
    held = step.nodes[0].weights
    weight = np.asarray(held["weight"], np.float32)
    cells, channels = weight.shape[0] * weight.shape[1], weight.shape[-1]
    flat = weight.reshape(cells, channels)
    bias = np.asarray(held.get("bias", np.zeros(channels)), np.float32)
    lanes, count = pool.target.lanes, -(-channels // pool.target.lanes)
    if blocks:
        return {
            "weights": pool.pack(
                (step.name, "window"), lambda: block_vectors(flat, 0, count, 1, lanes)
            ),
            "bias": pool.pack(
                (step.name, "window bias"), lambda: block_vectors(bias, 0, count, 1, lanes)
            ),
        }
    return {
        "weights": pool.pack((step.name, "window rows"), lambda: flat.T),
        "bias": pool.pack((step.name, "window row bias"), lambda: bias),
    }
