"""MXNet's exported networks: a graph as JSON (-symbol.json) and arrays (.params).

The JSON is parsed into records (`symbol`), the arrays into a dict (`params`), and each record is
lowered to ops (`lower`). Files of MXNet 0.8 to 1.9 are read, module checkpoints and gluon exports.
"""

from __future__ import annotations

from zqcnn_xp.formats.mxnet.reader import MxnetReader

__all__ = ["MxnetReader", "reader"]

reader = MxnetReader()
"""The object that the entry point names."""
