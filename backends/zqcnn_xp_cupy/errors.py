"""What this plugin raises beyond the errors of the core."""

from __future__ import annotations

from zqcnn_xp.errors import ZqcnnError

__all__ = ["DeviceMemoryError"]


class DeviceMemoryError(ZqcnnError, MemoryError):
    """The GPU's memory, or the backend's ``memory_limit``, does not suffice.

    Parameters
    ----------
    found
        What CuPy said: the bytes asked for, those in use and the limit.

    Examples
    --------
    >>> str(DeviceMemoryError("4,096 bytes asked for")).split(";")[0]
    'found too little device memory (4,096 bytes asked for), expected enough for this batch'
    """

    def __init__(self, found: str) -> None:
        super().__init__(
            f"found too little device memory ({found}), expected enough for this batch; "
            "use a smaller batch or image, a smaller workspace=, or a larger memory_limit="
        )
