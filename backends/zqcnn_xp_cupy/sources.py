"""The CUDA sources of this plugin, as NVRTC gets them."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

__all__ = ["KERNELS", "source"]

KERNELS = ("depthwise", "epilogue", "im2col", "pool")
"""Names of the kernels: ``kernels/<name>.cu`` holds one ``__global__`` function of that name."""


@lru_cache(maxsize=len(KERNELS))
def source(name: str) -> str:
    """Return one self-contained CUDA source: the common part and the kernel.

    Examples
    --------
    >>> "__global__ void pool(" in source("pool")
    True
    """
    folder = files(__package__) / "kernels"
    common, kernel = (
        (folder / file).read_text(encoding="utf-8") for file in ("common.cuh", f"{name}.cu")
    )
    return f"{common}\n{kernel}"
