"""The bytes of a .nchwbin file: float32, little-endian, no header, in layer order."""

from __future__ import annotations

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.source import ModelSource, read_source
from zqcnn_xp.formats.weights import FileWeights, RandomWeights, WeightStream, random_weights

__all__ = ["FileWeights", "RandomWeights", "WeightStream", "open_weights"]


def open_weights(
    source: ModelSource | None, model: str, cut: float | None, limits: Limits
) -> WeightStream:
    """Open a weight file, or random weights.

    Parameters
    ----------
    source
        Path, binary file object, bytes; ``"random"`` or ``"random:SEED"`` for random weights.
    model
        Name of the text file, for the message.
    cut
        See `FileWeights`.
    limits
        Bounds.

    Raises
    ------
    FormatError
        If ``source`` is None.
    """
    if source is None:
        raise FormatError(
            model,
            "",
            "no weights",
            "the .nchwbin file that belongs to it (or weights='random' to look at shapes and "
            "speed only)",
        )
    random = random_weights(source, limits)
    if random is not None:
        return random
    return FileWeights(read_source(source, limits), cut, limits)
