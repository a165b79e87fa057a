"""ONNX files (.onnx), opset 7 to 22: networks of convolutions and what goes with them.

Session convention: images go in as (N, C, H, W), float32. A file whose input is (N, H, W, C), and
says so by transposing it first, gets an (N, C, H, W) input in the transposes' place; its outputs
keep the order that the file gives them. A batch size of 1 that the file fixes is lifted where
every node treats the samples apart. What is not covered raises `FormatError` naming the node,
its op type and the attribute.

External data is read only from plain files inside the model's own folder.
"""

from __future__ import annotations

from zqcnn_xp.formats.onnx.reader import OnnxReader

__all__ = ["OnnxReader", "reader"]

reader = OnnxReader()
"""The entry point of this format."""
