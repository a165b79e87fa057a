"""Networks as Python modules: the graph as code, the weights as text beside it.

What `to_code` writes is imported like any module and needs no file but itself. There is no reader:
a module is run, so it is for those who trust whoever wrote it, as all code is.
"""

from zqcnn_xp.formats.code.weights import unpack
from zqcnn_xp.formats.code.writer import to_code

__all__ = ["to_code", "unpack"]
