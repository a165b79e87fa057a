"""The compiled CPU backend: whole networks as plans of generated machine code."""

from zqcnn_xp_llvm.backend import LlvmBackend

__all__ = ["LlvmBackend"]
