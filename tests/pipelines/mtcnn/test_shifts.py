from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zqcnn_xp import load
from zqcnn_xp.pipelines.mtcnn.shifts import Window, window

_HEAD = "Input name=x C=1 H=24 W=24\n"
_CONV = "Convolution name={0} bottom={1} top={0} num_output=1 kernel_size={2} stride={3} {4}\n"


def _window(text: str) -> Any:
    floats = np.zeros(4096, np.float32).tobytes()[: 4 * _count(text)]
    return window(load((_HEAD + text).encode(), floats, backend="numpy").graph)


def _count(text: str) -> int:
    sizes = [
        line.split("kernel_size=")[1].split()[0] for line in text.splitlines() if "Conv" in line
    ]
    return sum(int(size) ** 2 for size in sizes)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (_CONV.format("a", "x", 3, 1, ""), (3, 1)),
        (_CONV.format("a", "x", 3, 2, "") + _CONV.format("b", "a", 3, 1, ""), (7, 2)),
        (_CONV.format("a", "x", 3, 1, "dilate=2"), (5, 1)),
        (_CONV.format("a", "x", 3, 1, "pad=1"), None),
        (_CONV.format("a", "x", 3, 1, "pad_H_bottom=1 pad_W_right=1"), (3, 1)),
        ("Pooling name=p bottom=x top=p kernel_size=2 stride=2 pool=MAX\n", (2, 2)),
        ("Pooling name=p bottom=x top=p global_pool pool=AVG\n", None),
        ("Softmax name=s bottom=x top=s axis=1\n", (1, 1)),
        ("Softmax name=s bottom=x top=s axis=3\n", None),
        ("Flatten name=f bottom=x top=f axis=1\n", None),
    ],
)
def test_window(text: str, want: tuple[int, int] | None) -> None:
    assert _window(text) == (None if want is None else Window(*want))


def test_paths_of_different_reach_meet(shared_data: Path) -> None:
    text = _CONV.format("a", "x", 3, 1, "") + _CONV.format("b", "x", 3, 1, "")
    text += "Eltwise name=e bottom=a bottom=b top=e operation=SUM\n"
    assert _window(text) == Window(3, 1)


def test_the_proposal_networks(build: Any) -> None:
    assert build("author5").networks.p.window() == Window(12, 2)
    for variant in ("fast106v3s64", "plus106v2s96"):
        seen = build(variant).networks.p.window()
        assert seen.step == 4
        assert seen.side <= 20
