"""OpenVINO's IR (.xml and .bin), versions 10 and 11: networks of convolutions and what goes along.

The .xml is parsed without entities or document types (`parse`), constants are read from the
.bin at checked offsets (`blobs`), and the layers become operators on named tensors (`model`)
that are lowered as ONNX's are (`lower`).

Session convention: images go in as (N, C, H, W), float32. A ``DetectionOutput`` gives
(n, 7, 1, 1), as many rows as there are detections, where OpenVINO fills (1, 1, keep_top_k, 7).
Quantised networks (``FakeQuantize``), loops and branches are refused by name.
"""

from __future__ import annotations

from zqcnn_xp.formats.openvino.reader import OpenVinoReader

__all__ = ["OpenVinoReader", "reader"]

reader = OpenVinoReader()
"""The entry point of this format."""
