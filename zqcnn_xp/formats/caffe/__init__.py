"""Caffe's networks: layers as text (.prototxt), and with their weights (.caffemodel).

Text and binary protobuf are parsed into messages (`text`, `wire`) by the field names of
`schema`; the layers that run in the test phase are picked (`network`), each type is lowered
to ops (`lower` and its companions) with weights by layer name (`blobs`).
"""

from __future__ import annotations

from zqcnn_xp.formats.caffe.reader import CaffeReader

__all__ = ["CaffeReader", "reader"]

reader = CaffeReader()
"""The object that the entry point names."""
