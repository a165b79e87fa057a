"""ncnn's networks: layers as text (.param), weights as bytes (.bin); read and written.

The text is parsed into records (`parse`), the bytes are read in layer order (`storage`), each
record is lowered to ops (`lower`). `to_ncnn` writes a graph as such a pair of files.
"""

from __future__ import annotations

from zqcnn_xp.formats.ncnn.reader import NcnnReader

__all__ = ["NcnnReader", "reader"]

reader = NcnnReader()
"""The object that the entry point names."""
