"""CuPy backend of zqcnn-xp. Importing this package does not import CuPy."""

from __future__ import annotations

from zqcnn_xp_cupy.backend import CupyBackend
from zqcnn_xp_cupy.errors import DeviceMemoryError

__all__ = ["CupyBackend", "DeviceMemoryError"]
