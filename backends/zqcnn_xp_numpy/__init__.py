"""The NumPy backend: CPU, x86 and ARM, nothing to install beside NumPy."""

from zqcnn_xp_numpy.backend import NumpyBackend

__all__ = ["NumpyBackend"]
