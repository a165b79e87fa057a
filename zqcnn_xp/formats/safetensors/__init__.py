"""Safetensors: a graph with its weights in one file, and PyTorch state dicts.

A bundle is a plain safetensors file whose metadata holds the graph as JSON
(`zqcnn_xp.formats.graph_json`). It loads by memory map, and nothing in it is executed.
"""

from zqcnn_xp.formats.safetensors.reader import SafetensorsReader, load_state
from zqcnn_xp.formats.safetensors.writer import to_safetensors

__all__ = ["SafetensorsReader", "load_state", "reader", "to_safetensors"]

reader = SafetensorsReader()
"""The object that the entry point names."""
