"""OpenCV's number of threads: ours while it works for us, and as before afterwards."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest

from zqcnn_xp.config import Setting, using
from zqcnn_xp.errors import ImageError
from zqcnn_xp.pipelines.face_analysis import _shrink
from zqcnn_xp.vision.blur import gaussian_blur
from zqcnn_xp.vision.opencv import OpenCvThreads, opencv

ASKED = 0


@pytest.fixture(autouse=True)
def three(monkeypatch, tmp_path):
    """A number that neither one nor this machine would give."""
    monkeypatch.delenv("ZQCNN_XP_THREADS", raising=False)
    monkeypatch.chdir(tmp_path)
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    if cv2.getNumThreads() != 3:
        pytest.skip("this OpenCV does not take a number of threads")
    yield
    assert cv2.getNumThreads() == 3
    cv2.setNumThreads(before)


def held(number, rank=ASKED):
    return OpenCvThreads().held(cv2, Setting(number, "", rank))


@pytest.mark.parametrize(("number", "rank", "inside"), [(1, 4, 1), (1, 0, 1), (5, 4, 3), (5, 0, 5)])
def test_a_number_by_default_only_lowers(number, rank, inside):
    with held(number, rank):
        assert cv2.getNumThreads() == inside
    assert cv2.getNumThreads() == 3


def test_of_calls_that_meet_the_least_counts():
    pool = OpenCvThreads()
    with pool.held(cv2, Setting(4, "", ASKED)):
        with pool.held(cv2, Setting(2, "", ASKED)):
            assert cv2.getNumThreads() == 2
            with pool.held(cv2, Setting(5, "", ASKED)):
                assert cv2.getNumThreads() == 2
        assert cv2.getNumThreads() == 2
    assert cv2.getNumThreads() == 3


def test_many_threads_leave_things_as_they_were():
    seen = set()
    pool = OpenCvThreads()

    def work():
        for _ in range(50):
            with pool.held(cv2, Setting(1, "", ASKED)):
                seen.add(cv2.getNumThreads())

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert seen == {1}


def test_the_setting_counts_and_an_error_gives_the_threads_back(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with opencv():
        assert cv2.getNumThreads() == 1
    with using(threads=2), opencv():
        assert cv2.getNumThreads() == 2
    with pytest.raises(ZeroDivisionError), using(threads=2), opencv():
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("GaussianBlur", lambda image: gaussian_blur(image, (3, 1.0))),
        ("resize", lambda image: _shrink(image, (8, 8))),
    ],
)
def test_what_splits_its_work_obeys(monkeypatch, name, call):
    image = np.zeros((32, 32, 3), np.uint8)
    real, seen = getattr(cv2, name), []
    monkeypatch.setattr(
        cv2, name, lambda *a, **k: seen.append(cv2.getNumThreads()) or real(*a, **k)
    )
    for number in (1, 2):
        with using(threads=number):
            call(image)
    assert seen == [1, 2]


def test_what_opencv_refuses_gives_the_threads_back():
    with using(threads=1), pytest.raises(ImageError):
        gaussian_blur(np.zeros((4, 4), np.complex64), (3, 1.0))
