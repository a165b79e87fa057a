"""Verification and identification protocols: what published accuracies mean, to the last digit.

Import from the modules: `zqcnn_xp.evaluation.pairs` and `zqcnn_xp.evaluation.bin_file` read sets,
`zqcnn_xp.evaluation.roc` has the curves, and there is one module a protocol.
"""

from __future__ import annotations

__all__: list[str] = []
