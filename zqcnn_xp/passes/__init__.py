"""Passes: functions ``Graph -> Graph`` that keep every requested output's value.

`optimize` runs those that a session runs under ``fold=True``.
"""

from __future__ import annotations

from zqcnn_xp.graph import Graph
from zqcnn_xp.passes.drop_identity import drop_identity
from zqcnn_xp.passes.fold_batchnorm import fold_batchnorm
from zqcnn_xp.passes.fuse_activation import fuse_activation
from zqcnn_xp.passes.reduce_precision import reduce_precision
from zqcnn_xp.passes.swap_channels import swap_rgb_bgr

__all__ = [
    "drop_identity",
    "fold_batchnorm",
    "fuse_activation",
    "optimize",
    "reduce_precision",
    "swap_rgb_bgr",
]


def optimize(graph: Graph) -> Graph:
    """Drop identities, fold per-channel scales into products, fuse activations.

    What computes no requested output is left out first, so asking for an inner blob keeps it.
    """
    return fuse_activation(fold_batchnorm(drop_identity(graph.subgraph(graph.outputs))))
