"""PyTorch as a backend of zqcnn-xp: an example of a plugin.

Torch is imported when a backend is made, so that listing the installed plugins stays cheap.
"""

from __future__ import annotations

from typing import Any, ClassVar

from zqcnn_xp.backend import Availability, Backend, Kernel
from zqcnn_xp.errors import BackendUnavailable, InputError
from zqcnn_xp.ops import Conv2D, Op
from zqcnn_xp.ops.base import Array, Shape, Weights

__all__ = ["TorchBackend"]

_PIP = "pip install torch"


class TorchBackend(Backend):
    """Run networks on PyTorch.

    Parameters
    ----------
    device
        ``"cpu"``, ``"cuda:1"``, a ``torch.device``, or None for the CPU.

    Raises
    ------
    BackendUnavailable
        If torch is not installed, or has no such device here.
    InputError
        If this is no name of a device.
    """

    name: ClassVar[str] = "torch"
    pip: ClassVar[str | None] = _PIP

    def __init__(self, device: Any = None) -> None:
        try:
            import torch
        except ImportError as error:
            msg = f"the torch backend needs PyTorch, which cannot be imported ({error})"
            raise BackendUnavailable(msg, pip=_PIP) from error
        try:
            chosen = torch.device("cpu" if device is None else device)
        except (RuntimeError, TypeError) as error:
            msg = f"found device {device!r}, expected a name that torch.device takes"
            raise InputError(msg) from error
        try:
            torch.zeros(1, device=chosen)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            msg = f"torch has no device {device!r} here: {str(error).splitlines()[0]}"
            raise BackendUnavailable(msg) from error
        super().__init__(torch, chosen)

    def prepare(self, op: Op, weights: Weights) -> dict[str, Array]:
        """Turn convolution kernels from HWIO to torch's OIHW, once."""
        placed = super().prepare(op, weights)
        if isinstance(op, Conv2D):
            placed["weight"] = placed["weight"].permute(3, 2, 0, 1).contiguous()
        return placed

    def kernel(self, op: Op, *shapes: Shape) -> Kernel | None:
        """Return torch's convolution; every other op runs on its reference."""
        if not isinstance(op, Conv2D):
            return None
        _, _, h, w = shapes[0]
        top, bottom, left, right = op.padding(h, w)

        def kernel(weights: Weights, x: Array) -> tuple[Array, ...]:
            from torch.nn import functional

            # Stored channels-last: the permuted view is torch's "channels_last", not a copy.
            x = functional.pad(x.permute(0, 3, 1, 2), (left, right, top, bottom))
            y = functional.conv2d(
                x,
                weights["weight"],
                weights.get("bias"),
                stride=op.stride,
                dilation=op.dilation,
                groups=op.groups,
            )
            y = y.permute(0, 2, 3, 1)
            return (y,) if op.activation is None else op.activation.forward(self.xp, weights, y)

        return kernel

    def synchronize(self, *arrays: Array) -> None:
        """Wait for the GPU, if it is one."""
        if self.device.type == "cuda":
            import torch

            torch.cuda.synchronize(self.device)

    @classmethod
    def probe(cls) -> Availability:
        """Import torch and count its devices."""
        try:
            import torch
        except ImportError as error:
            reason = f"torch cannot be imported: {error}"
            return Availability(ready=False, reason=reason, pip=_PIP)
        gpus = (f"cuda:{i}" for i in range(torch.cuda.device_count()))
        return Availability(ready=True, version=torch.__version__, devices=("cpu", *gpus))
