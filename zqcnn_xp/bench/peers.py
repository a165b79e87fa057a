"""Other runtimes, to compare with: what each is called and whether it is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from zqcnn_xp.bench.network import Network, Runner
from zqcnn_xp.errors import InputError

__all__ = ["GPU_PEERS", "PEERS", "Peer", "find_peers"]


@dataclass(frozen=True)
class Peer:
    """Another runtime.

    Parameters
    ----------
    name
        What the command line calls it.
    module
        What Python imports.
    package
        What pip installs.
    """

    name: str
    module: str
    package: str

    @property
    def pip(self) -> str:
        """The command that installs it."""
        return f"pip install {self.package}"

    @property
    def installed(self) -> bool:
        """Whether it can be imported; found out without importing it."""
        return find_spec(self.module) is not None

    @property
    def version(self) -> str:
        """Version of the package, or "" where it came another way."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return ""

    def prepare(self, network: Network, threads: int) -> Runner:
        """Make it ready to run a network.

        Whatever the runtime raises about a network that it does not take goes through.
        """
        made: Runner = import_module(f"zqcnn_xp.bench.peer_{self.name}").prepare(network, threads)
        return made


PEERS: Mapping[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("openvino", "openvino", "openvino"),
        Peer("ncnn", "ncnn", "ncnn"),
        Peer("onnxruntime", "onnxruntime", "onnxruntime"),
        Peer("opencv", "cv2", "opencv-python"),
        Peer("mnn", "MNN", "MNN"),
    )
}
"""Those on a CPU, by name."""

GPU_PEERS: Mapping[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("torch", "onnx2torch", "onnx2torch"),
        Peer("onnxruntime_cuda", "onnxruntime", "onnxruntime-gpu"),
    )
}
"""Those on a CUDA device, on arrays that stay there."""


def find_peers(names: Sequence[str]) -> tuple[Peer, ...]:
    """Return peers by name, each once.

    Raises
    ------
    InputError
        If there is no such peer.

    Examples
    --------
    >>> [peer.package for peer in find_peers(["ncnn", "opencv"])]
    ['ncnn', 'opencv-python']
    """
    for name in names:
        if name not in PEERS:
            msg = f"found peer {name!r}, expected some of {', '.join(PEERS)}"
            raise InputError(msg)
    return tuple(PEERS[name] for name in dict.fromkeys(names))
