"""Kernels: one record and code generator each. Everything they depend on is in their fields."""

from zqcnn_xp_llvm.kernels.base import Kernel
from zqcnn_xp_llvm.kernels.conv_blocks import ConvBlocks
from zqcnn_xp_llvm.kernels.conv_rows import ConvRows
from zqcnn_xp_llvm.kernels.copies import CopyCells, CopyRuns, FillRuns, Turn
from zqcnn_xp_llvm.kernels.normalize import Normalize
from zqcnn_xp_llvm.kernels.pointwise import Pointwise
from zqcnn_xp_llvm.kernels.softmax import Softmax
from zqcnn_xp_llvm.kernels.windows import WindowBlocks, WindowRows
from zqcnn_xp_llvm.kernels.winograd import WinogradInput, WinogradOutput

__all__ = [
    "ConvBlocks",
    "ConvRows",
    "CopyCells",
    "CopyRuns",
    "FillRuns",
    "Kernel",
    "Normalize",
    "Pointwise",
    "Softmax",
    "Turn",
    "WindowBlocks",
    "WindowRows",
    "WinogradInput",
    "WinogradOutput",
]
