"""Vectors of neighbouring pixels under each cell of one window row."""

from __future__ import annotations

from collections.abc import Iterator

from zqcnn_xp_llvm.codegen.emitter import Address, Emitter, Value

__all__ = ["line_taps"]


def line_taps(
    e: Emitter, x: Address, cells: int, step: int, dilation: int, vectors: int
) -> Iterator[list[Value]]:
    """Load what each of ``cells`` window columns sees, as ``vectors`` vectors, one by one.

    With a stride of 2 every other pixel is wanted: two vectors are loaded and parted, and the
    odd ones serve the next column. This reads one pixel more than is needed.

    Parameters
    ----------
    e
        Where to write.
    x
        First pixel under the first column.
    cells
        Width of the window.
    step, dilation
        Horizontal stride, 1 or 2, and dilation.
    vectors
        Vectors of output pixels.
    """
    wide = e.target.vector_bytes
    parted: dict[int, list[tuple[Value, Value]]] = {}
    for j in range(cells):
        if step == 1:
            yield [e.load(e.at(x, 4 * j * dilation + v * wide)) for v in range(vectors)]
            continue
        start, odd = divmod(j * dilation, 2)
        if start not in parted:
            parted[start] = [
                (e.load(e.at(x, a)), e.load(e.at(x, a + wide)))
                for a in (8 * start + 2 * v * wide for v in range(vectors))
            ]
        part = e.odds if odd else e.evens
        yield [part(*pair) for pair in parted[start]]
