"""OpenCV, held to the number of threads that this library may use."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from zqcnn_xp.config import Setting
from zqcnn_xp.threads import thread_setting

__all__ = ["OpenCvThreads", "opencv"]


class OpenCvThreads:
    """Count the calls that run, and hold OpenCV's threads to a number meanwhile.

    OpenCV has one number for the process, and so there is one instance of this class. What was set
    before is set again when no call runs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._before = 0

    @contextmanager
    def held(self, cv2: Any, wanted: Setting) -> Iterator[None]:
        """Hold OpenCV to at most so many threads; of several calls at once the least counts.

        A lower number that somebody has set already stays, unless ``wanted`` was asked for.
        """
        with self._lock:
            now = cv2.getNumThreads()
            if self._running == 0:
                self._before = now
            raised = wanted.asked and self._running == 0
            if wanted.value < now or (raised and wanted.value > now):
                cv2.setNumThreads(wanted.value)
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                if self._running == 0 and cv2.getNumThreads() != self._before:
                    cv2.setNumThreads(self._before)


# One for the process, as OpenCV has one number of threads for the process.
_threads = OpenCvThreads()


@contextmanager
def opencv() -> Iterator[Any]:
    """Give the module ``cv2``, which obeys the setting ``threads`` until the block ends.

    For the functions that split their work (filters, resizing, warping); those that draw do not.

    Examples
    --------
    >>> from zqcnn_xp.config import using
    >>> with using(threads=1), opencv() as cv2:
    ...     cv2.getNumThreads()
    1
    """
    import cv2

    with _threads.held(cv2, thread_setting()):
        yield cv2
