"""Write docs/support-matrix.md from the registries: ``python tests/tools/support_matrix.py``.

What a reader takes is its own table of layer types, what a writer gives its table of ops, and
what a backend computes natively is asked of it at the shapes of the conformance table. Nothing
is listed by hand, so the page cannot claim what the code does not do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import zqcnn_xp.ops
from zqcnn_xp.formats.caffe.lower import RULES as CAFFE
from zqcnn_xp.formats.darknet.lower import RULES as DARKNET
from zqcnn_xp.formats.darknet.vocabulary import HEADS
from zqcnn_xp.formats.mxnet.lower import LOWERINGS as MXNET
from zqcnn_xp.formats.ncnn.lower import LOWERINGS as NCNN
from zqcnn_xp.formats.ncnn.writer import WRITERS as TO_NCNN
from zqcnn_xp.formats.onnx.fold import FOLDS as ONNX_FOLDS
from zqcnn_xp.formats.onnx.lower import LOWERINGS as ONNX
from zqcnn_xp.formats.onnx.writer import WRITERS as TO_ONNX
from zqcnn_xp.formats.openvino.fold import FOLDS as OPENVINO_FOLDS
from zqcnn_xp.formats.openvino.lower import LOWERINGS as OPENVINO
from zqcnn_xp.formats.writers import WRITERS
from zqcnn_xp.formats.zqcnn.vocabulary import TYPES as ZQCNN
from zqcnn_xp.formats.zqcnn.writer import WRITERS as TO_ZQCNN
from zqcnn_xp.ops.base import Op
from zqcnn_xp.testing import op_cases

TARGET = Path(__file__).parents[2] / "docs" / "support-matrix.md"

# Layer types by format: computed ones, and those evaluated only where all inputs are constant.
READ: Mapping[str, tuple[Iterable[str], Iterable[str]]] = {
    "ZQCNN": (ZQCNN.values(), ()),
    "Darknet": ((*DARKNET, *HEADS), ()),
    "Caffe": (CAFFE, ()),
    "MXNet": (MXNET, ()),
    "ncnn": (NCNN, ()),
    "ONNX": (ONNX, ONNX_FOLDS),
    "OpenVINO": (("Parameter", "Const", "Result", *OPENVINO), OPENVINO_FOLDS),
}
# The formats that write a graph as it is take every op; they have no table.
WRITTEN: Mapping[str, Mapping[type[Op], Any] | None] = {
    "zqcnn": TO_ZQCNN,
    "onnx": TO_ONNX,
    "ncnn": TO_NCNN,
    "safetensors": None,
    "code": None,
}

HEAD = """# What is supported

Made by `python tests/tools/support_matrix.py` from the tables that the readers, writers and
backends work by; a test compares this page with them.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, _layers(), _writers(), _backends()])


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, [":--", *[":-:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _layers() -> str:
    """Layer types: one row for those that are spelled alike but for case and underscores."""
    cells: dict[str, dict[str, str]] = {}
    for format, (computed, folded) in READ.items():
        names = {name: f"`{name}`" for name in computed}
        names |= {name: f"`{name}` (c)" for name in folded if name not in names}
        for name, cell in names.items():
            row = cells.setdefault(_plain(name), {})
            row[format] = f"{row[format]}<br>{cell}" if format in row else cell
    rows = [
        ["**" + min(row.values(), key=len).strip("`").split("`")[0] + "**"]
        + [row.get(format, "") for format in READ]
        for _, row in sorted(cells.items())
    ]
    counts = [f"{name} {len({*computed, *folded})}" for name, (computed, folded) in READ.items()]
    text = f"""## Layer types that are read

In the spelling of each format: {", ".join(counts)}. (c): computed while reading, where all
inputs are constant, as in arithmetic on shapes. What a layer's attributes may be is said by the
reader's error where it does not take them; a type that is absent is refused by name. Bundles
(safetensors) hold any graph.
"""
    return text + "\n" + _table(["", *READ], rows)


def _ops() -> list[type[Op]]:
    found = (getattr(zqcnn_xp.ops, name) for name in zqcnn_xp.ops.__all__)
    return sorted((op for op in found if op is not Op), key=lambda op: op.__name__.lower())


def _writers() -> str:
    if WRITTEN.keys() != WRITERS.keys():
        msg = f"writers {sorted(WRITERS)} are not the columns {sorted(WRITTEN)}"
        raise SystemExit(msg)
    rows = [
        [f"`{op.__name__}`"]
        + ["yes" if table is None or op in table else "" for table in WRITTEN.values()]
        for op in _ops()
    ]
    text = """## Ops that are written

An attribute that the target has no word for is an error that names the node.
"""
    return text + "\n" + _table(["", *WRITTEN], rows)


def _kernels() -> Mapping[str, Callable[..., Any]]:
    from zqcnn_xp_cupy import CupyBackend
    from zqcnn_xp_jax.kernels import kernel_for as jax
    from zqcnn_xp_numpy.kernels import kernel_for as numpy

    # Only plans are asked for, which need no GPU.
    cupy = object.__new__(CupyBackend)
    cupy._tools = SimpleNamespace(workspace=1 << 28)
    return {"numpy": numpy, "jax": jax, "cupy": cupy.kernel}


def _backends() -> str:
    """Kernels by op: at every shape of the conformance table, at some, or none."""
    kernels = _kernels()
    found: dict[str, dict[str, set[bool]]] = {}
    for case in op_cases():
        row = found.setdefault(type(case.op).__name__, {name: set() for name in kernels})
        for name, ask in kernels.items():
            row[name].add(ask(case.op, *case.shapes) is not None)
    words = {(True,): "kernel", (False, True): "kernel or reference", (False,): "reference"}
    rows = []
    for op in _ops():
        row = found.get(op.__name__)
        if op.host or row is None:
            state = "host" if op.host else "reference"
            rows.append([f"`{op.__name__}`"] + [state] * (len(kernels) + 1))
        else:
            states = [words[tuple(sorted(row[name]))] for name in kernels]
            rows.append([f"`{op.__name__}`", *states, "reference"])
    text = """## Ops by backend

*kernel*: code of the backend's own; *reference*: the op's one definition against the array
standard, on that backend's arrays and devices; *kernel or reference*: by attributes and sizes.
*host*: depends on the data, and runs in NumPy behind the compiled part. JAX compiles references
and kernels alike with XLA. Any other library of the array standard (PyTorch, array-api-strict)
runs the references.
"""
    return text + "\n" + _table(["", *kernels, "any other"], rows)


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
