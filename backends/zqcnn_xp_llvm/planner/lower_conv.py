"""Convolutions and matrix products as instructions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp_llvm.codegen.expression import params_of
from zqcnn_xp_llvm.kernels.conv_blocks import ConvBlocks
from zqcnn_xp_llvm.kernels.conv_rows import ConvRows
from zqcnn_xp_llvm.planner.assign import window_of
from zqcnn_xp_llvm.planner.pack import block_vectors, conv_weights, dense_matrix, row_weights
from zqcnn_xp_llvm.planner.steps import ConvStep, DenseStep, Step
from zqcnn_xp_llvm.planner.storage import Instruction, Place, Pool, Storage, instruction
from zqcnn_xp_llvm.planner.tiles import BlockTile, block_tiles, reshaped, row_tiles, weights_ahead

__all__ = ["conv_to_blocks", "conv_to_rows", "dense", "row_params", "rows_together"]


def rows_together(pool: Pool, step: ConvStep) -> int:
    """Return how many rows the tallest tile of a convolution into blocks has."""
    made = step.shape[1] // step.conv.groups
    blocks = -(-made // pool.target.lanes)
    _, tiles = block_tiles(pool.target, blocks, *step.shape[2:], pair=step.pair)
    return max(tile.rows for tile in tiles)


def _bias(step: Step, size: int) -> np.ndarray:
    bias = step.nodes[0].weights.get("bias")
    return np.zeros(size, np.float32) if bias is None else np.asarray(bias, np.float32)


def _block_params(pool: Pool, step: Step, channels: slice, tile: BlockTile, made: int) -> Place:
    """Pack a formula's parameters: (group, vector, parameter, lane)."""
    lanes = pool.target.lanes

    def make() -> np.ndarray:
        order = sorted(params_of(step.formula))
        if not order:
            return np.zeros(1, np.float32)
        table = np.stack([step.params[j][channels] for j in order])
        cut = block_vectors(table, tile.first, tile.groups, made, lanes)
        return cut.transpose(0, 2, 1, 3)

    key = (step.name, "params", channels.start, tile.first, tile.groups, made)
    return pool.pack(key, make)


def conv_to_blocks(
    pool: Pool, step: ConvStep, x: Storage, out: Storage, res: Storage | None, rows: range
) -> list[Instruction]:
    """Return the instructions that compute some rows of a convolution into blocks."""
    target, op, lay = pool.target, step.conv, x.layout
    lanes = target.lanes
    window = window_of(step, (1, lay.map.c, lay.map.h, lay.map.w))
    inside, made = lay.map.c // op.groups, op.out_channels // op.groups
    results = made // 2 if step.pair else made
    block = lanes if lay.kind == "blocks" else 1
    weight = np.asarray(step.nodes[0].weights["weight"], np.float32)
    bias = _bias(step, op.out_channels)
    blocks = -(-results // lanes)
    size = out.layout.map
    _, whole = block_tiles(target, blocks, size.h, size.w, pair=step.pair)
    tiles = [t if len(rows) >= t.rows else reshaped(target, t, len(rows), size.w) for t in whole]
    found = []
    for group in range(op.groups):
        part = slice(group * made, (group + 1) * made)
        kept = slice(group * results, (group + 1) * results)
        for tile in tiles:
            each = tile.vectors // 2 if step.pair else tile.vectors
            cut = (tile.first, tile.groups, tile.vectors, lanes)
            key = (step.name, group, cut)
            w = pool.pack(
                (*key, "weights", block),
                partial(conv_weights, weight[..., part], block, *cut, pair=step.pair),
            )
            b = pool.pack(
                (*key, "bias"),
                partial(block_vectors, bias[part], *cut, pair=step.pair),
            )
            kernel = ConvBlocks(
                channels=inside,
                block=block,
                kernel=op.kernel,
                step_x=op.stride[1],
                dilation_x=op.dilation[1],
                in_px=lay.pixel,
                out_px=out.layout.pixel,
                res_px=0 if res is None else res.layout.pixel,
                rows=tile.rows,
                pixels=tile.pixels,
                vectors=tile.vectors,
                formula=step.formula,
                pair=step.pair,
                ahead=weights_ahead(target, weight.nbytes),
            )
            plane = group * (-(-results // lanes)) + tile.first
            top = rows.start * op.stride[0] - window.border.top
            first = x.at(top, group * inside // block, -window.border.left)
            places = {
                "x": first,
                "weights": w,
                "bias": b,
                "params": _block_params(pool, step, kept, tile, each),
                "out": out.at(rows.start, plane),
            }
            if res is not None:
                places["res"] = res.at(rows.start, plane)
            integers = _integers(step, x, out, res, rows, tile.groups, tile.rows)
            integers |= _across(size.w, tile.pixels)
            integers |= {"x_block": lay.plane, "out_block": out.layout.plane}
            integers |= {"res_block": 0 if res is None else res.layout.plane}
            found.append(instruction(kernel, places, integers))
    return found


def _integers(
    step: ConvStep,
    x: Storage,
    out: Storage,
    res: Storage | None,
    rows: range,
    groups: int,
    tall: int,
) -> dict[str, int]:
    op = step.conv
    return {
        "repeats": 1,
        "groups": groups,
        "rows": -(-len(rows) // tall),
        "row_last": len(rows) - tall,
        "x_row": op.stride[0] * x.layout.row,
        "x_tap": op.dilation[0] * x.layout.row,
        "out_row": out.layout.row,
        "res_row": 0 if res is None else res.layout.row,
    }


def _across(width: int, step: int) -> dict[str, int]:
    """Return the number of tiles in a row, and where the last one starts."""
    return {"tiles": -(-width // step), "tile_last": width - step}


def conv_to_rows(
    pool: Pool,
    step: ConvStep,
    x: Storage,
    out: Storage,
    res: Storage | None,
    rows: range,
) -> list[Instruction]:
    """Return the instructions that compute some rows of a convolution into planes."""
    target, op, lay = pool.target, step.conv, x.layout
    window = window_of(step, (1, lay.map.c, lay.map.h, lay.map.w))
    inside, made = lay.map.c // op.groups, op.out_channels // op.groups
    weight = np.asarray(step.nodes[0].weights["weight"], np.float32)
    bias = _bias(step, op.out_channels)
    width = out.layout.map.w
    tall = len(rows) if op.dilation[0] == 1 else 1
    step_y, step_x = op.stride
    _, tiles = row_tiles(target, made, min(tall, len(rows)), width, step_y=step_y, step_x=step_x)
    found = []
    for group in range(op.groups):
        part = slice(group * made, (group + 1) * made)
        for tile in tiles:
            cut = (tile.first, tile.groups, tile.outputs)
            key = (step.name, group, cut)
            channels = slice(
                part.start + tile.first, part.start + tile.first + tile.groups * tile.outputs
            )
            w = pool.pack(
                (*key, "rows"),
                partial(row_weights, weight[..., part], *cut),
            )
            kernel = ConvRows(
                channels=inside,
                kernel=op.kernel,
                step_y=op.stride[0],
                step_x=op.stride[1],
                dilation_x=op.dilation[1],
                rows=tile.rows,
                vectors=tile.vectors,
                outputs=tile.outputs,
                formula=step.formula,
            )
            plane = part.start + tile.first
            top = rows.start * op.stride[0] - window.border.top
            places = {
                "x": x.at(top, group * inside, -window.border.left),
                "weights": w,
                "bias": pool.pack((*key, "row bias"), partial(np.asarray, bias[channels])),
                "params": row_params(pool, step, channels),
                "out": out.at(rows.start, plane),
            }
            if res is not None:
                places["res"] = res.at(rows.start, plane)
            integers = _integers(step, x, out, res, rows, tile.groups, tile.rows)
            integers |= _across(width, tile.vectors * target.lanes)
            integers |= {"x_channel": lay.plane, "out_channel": out.layout.plane}
            integers |= {"res_channel": 0 if res is None else res.layout.plane}
            found.append(instruction(kernel, places, integers))
    return found


def row_params(pool: Pool, step: Step, channels: slice) -> Place:
    """Pack a formula's parameters for planes: (channel, parameter)."""

    def make() -> np.ndarray:
        order = sorted(params_of(step.formula))
        if not order:
            return np.zeros(1, np.float32)
        return np.stack([step.params[j][channels] for j in order], axis=1)

    return pool.pack((step.name, "row params", channels.start, channels.stop), make)


def dense(
    pool: Pool, step: DenseStep, x: Storage, out: Storage, shape: Shape, count: int
) -> list[Instruction]:
    """Return the instructions of a matrix product over ``count`` samples.

    Parameters
    ----------
    pool, step
        Weights and the step.
    x
        The input: in blocks without a border, or in logical order.
    out
        The result, in logical order.
    shape
        Logical shape of the input.
    count
        Samples.
    """
    op = step.op
    if not isinstance(op, Dense):
        raise TypeError(f"{op} is no matrix product")
    target = pool.target
    lanes, made = target.lanes, op.out_features
    weight = np.asarray(step.nodes[0].weights["weight"], np.float32)
    inside = weight.size // made
    blocks = x.layout.kind == "blocks"
    matrix = dense_matrix(weight, lanes, blocks=blocks)
    bias = _bias(step, made)
    results = made // 2 if step.pair else made
    full, rest = divmod(results, lanes)
    tiles = []
    if full:
        tiles += [(t, 0) for t in block_tiles(target, full, 1, count, pair=step.pair)[1]]
    if rest:
        _, last = block_tiles(target, 1, 1, count, pair=step.pair)
        tiles += [(replace(t, first=full), rest) for t in last]
    found = []
    for tile, tail in tiles:
        cut = (tile.first, tile.groups, tile.vectors, lanes)
        each = tile.vectors // 2 if step.pair else tile.vectors
        w = pool.pack(
            (step.name, cut, blocks),
            partial(conv_weights, matrix[None, None], lanes, *cut, pair=step.pair),
        )
        b = pool.pack((step.name, cut, "bias"), partial(block_vectors, bias, *cut, pair=step.pair))
        kernel = ConvBlocks(
            channels=inside,
            block=lanes,
            kernel=(1, 1),
            step_x=1,
            dilation_x=1,
            in_px=x.buffer.sample,
            out_px=out.buffer.sample,
            res_px=0,
            rows=1,
            pixels=tile.pixels,
            vectors=tile.vectors,
            formula=step.formula,
            pair=step.pair,
            tail=tail,
            ahead=weights_ahead(target, weight.nbytes),
        )
        offset = tile.first * target.vector_bytes
        places = {
            "x": x.at(),
            "weights": w,
            "bias": b,
            "params": _block_params(pool, step, slice(0, results), tile, each),
            "out": (out.buffer, out.at()[1] + offset),
        }
        integers = {"repeats": 1, "groups": tile.groups, "rows": 1, "row_last": 0}
        integers |= _across(count, tile.pixels)
        integers |= {"x_block": target.vector_bytes, "out_block": target.vector_bytes}
        found.append(instruction(kernel, places, integers))
    return found
