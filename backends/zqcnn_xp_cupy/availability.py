"""Whether CuPy can run here: the package, the driver, the libraries it loads, the devices."""

from __future__ import annotations

import ctypes
import sys
import warnings
from importlib.util import find_spec
from typing import Any

from zqcnn_xp.backend import Availability
from zqcnn_xp.errors import BackendUnavailable

__all__ = ["availability", "driver_version", "import_cupy", "installed", "pip_command"]

_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


def installed() -> bool:
    """Say whether a ``cupy`` package is there, without importing it."""
    if "cupy" in sys.modules:
        return True
    return find_spec("cupy") is not None


def driver_version() -> int:
    """Return the CUDA version the driver supports, 1000 * major + 10 * minor; 0 without one.

    Asks the driver's library itself; this neither starts CUDA nor touches a device.
    """
    try:
        library = ctypes.CDLL(_DRIVER)
        version = ctypes.c_int(0)
        failed = library.cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return 0
    return 0 if failed else version.value


def pip_command(driver: int) -> str:
    """Return the command that installs CuPy for a driver of this CUDA version.

    Examples
    --------
    >>> pip_command(12080), pip_command(13000)
    ("pip install 'zqcnn-xp[cupy12]'", "pip install 'zqcnn-xp[cupy13]'")
    """
    return f"pip install 'zqcnn-xp[cupy{13 if driver >= 13000 else 12}]'"


def import_cupy() -> Any:
    """Import CuPy and make sure that it can compile, multiply and see a device.

    Raises
    ------
    BackendUnavailable
        With what is missing and, where pip can bring it, the command.
    """
    driver = driver_version()
    pip = pip_command(driver)
    if not installed():
        reason = "CuPy is not installed"
        if not driver:
            reason += f", and there is no NVIDIA driver ({_DRIVER} cannot be loaded)"
        raise BackendUnavailable(reason, pip)
    try:
        with warnings.catch_warnings():
            # CuPy warns of a missing CUDA path or of a second CuPy; what matters is checked below.
            warnings.simplefilter("ignore")
            import cupy
    except Exception as error:
        msg = f"CuPy is installed but cannot be imported: {error}"
        raise BackendUnavailable(msg, pip) from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        remark = "" if driver else f"; no NVIDIA driver ({_DRIVER} cannot be loaded)"
        msg = f"CuPy {cupy.__version__} finds no CUDA device: {error}{remark}"
        raise BackendUnavailable(msg) from error
    if not count:
        msg = f"CuPy {cupy.__version__} finds no CUDA device: the driver lists none"
        raise BackendUnavailable(msg)
    try:
        cupy.cuda.nvrtc.getVersion()
        cupy.cuda.cublas  # noqa: B018 - the attribute loads the library
    except (ImportError, RuntimeError) as error:
        msg = f"CuPy {cupy.__version__} cannot load NVRTC or cuBLAS: {error}"
        raise BackendUnavailable(msg, pip) from error
    return cupy


def availability() -> Availability:
    """Say whether CuPy can run here; never raises."""
    try:
        cupy = import_cupy()
        names = tuple(
            f"cuda:{i} ({_text(cupy.cuda.runtime.getDeviceProperties(i)['name'])})"
            for i in range(cupy.cuda.runtime.getDeviceCount())
        )
    except BackendUnavailable as error:
        return Availability(ready=False, version=_version(), reason=error.reason, pip=error.pip)
    except Exception as error:  # a probe reports, whatever the driver does
        return Availability(ready=False, version=_version(), reason=f"{error}")
    return Availability(ready=True, version=str(cupy.__version__), devices=names)


def _version() -> str:
    return str(getattr(sys.modules.get("cupy"), "__version__", ""))


def _text(name: bytes | str) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else name
