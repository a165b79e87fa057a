"""Faces in a figure: which artists are drawn, where, and what is left alone."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from zqcnn_xp.errors import PackageMissing
from zqcnn_xp.pipelines.faces import Faces
from zqcnn_xp.vision.draw import BOX_COLOR, POINT_COLORS
from zqcnn_xp.vision.plot import plot_faces

BOX = np.array([[20.0, 20, 60, 70], [70, -10, 120, 40]])
KPS = np.array([[[30.0, 35], [50, 35], [40, 45], [33, 58], [47, 58]]] * 2)
FACES = Faces(BOX, [0.9, 0.5], KPS)
IMAGE = np.full((80, 100, 3), (200, 100, 50), np.uint8)


def axes():
    figure = pytest.importorskip("matplotlib.figure")
    return figure.Figure(figsize=(4, 3)).subplots()


def drawn(ax):
    """Return the figure's pixels, (H, W, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def test_artists():
    ax = axes()
    assert FACES.plot(IMAGE, ax) is ax
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), IMAGE)
    corners = [
        (*p.get_xy(), p.get_x() + p.get_width(), p.get_y() + p.get_height()) for p in ax.patches
    ]
    np.testing.assert_array_equal(corners, BOX)
    assert [text.get_text() for text in ax.texts] == ["0.90", "0.50"]
    assert len(ax.collections) == 2
    for scatter, points in zip(ax.collections, KPS, strict=True):
        np.testing.assert_array_equal(scatter.get_offsets(), points)
        colors = np.round(scatter.get_facecolors()[:, :3] * 255)
        np.testing.assert_array_equal(colors, POINT_COLORS)
    # a box that reaches outside does not move the view
    assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 99.5), (79.5, -0.5))


def test_pixels():
    ax = axes()
    FACES.plot(IMAGE, ax, scores=False, points=False)
    pixels = drawn(ax)
    assert (pixels == BOX_COLOR).all(axis=-1).sum() > 50
    assert (pixels == IMAGE[0, 0]).all(axis=-1).sum() > 1000
    assert not ax.texts
    assert not ax.collections


def test_bgr_arrays_are_shown_in_their_colours():
    ax = axes()
    FACES.plot(IMAGE[:, :, ::-1], ax, color="bgr")
    np.testing.assert_array_equal(ax.images[0].get_array(), IMAGE)


def test_without_an_image():
    ax = axes()
    FACES.plot(ax=ax)
    low, high = ax.get_xlim()
    assert low <= 20
    assert high >= 120
    bottom, top = ax.get_ylim()
    assert bottom >= 70
    assert top <= -10
    assert ax.get_aspect() == 1
    FACES.plot(ax=ax)  # a second time the view is what it was
    assert (ax.get_ylim(), ax.get_xlim()) == ((bottom, top), (low, high))


def test_over_what_the_axes_show():
    ax = axes()
    ax.imshow(IMAGE)
    before = ax.get_xlim(), ax.get_ylim()
    FACES.plot(ax=ax)
    assert (ax.get_xlim(), ax.get_ylim()) == before
    assert len(ax.images) == 1
    assert len(ax.patches) == 2


def test_what_is_not_finite_is_left_out():
    kps = KPS.copy()
    kps[0, 1] = np.nan
    faces = Faces([[np.nan, 0, 9, 9], [1, 2, 9, 9]], [0.5, 0.6], kps, np.full((2, 106, 2), 3.0))
    ax = axes()
    faces.plot(IMAGE, ax)
    assert len(ax.patches) == len(ax.texts) == 1
    assert [len(c.get_offsets()) for c in ax.collections] == [106, 4, 106, 5]
    drawn(ax)


def test_no_faces():
    for image in (None, IMAGE):
        ax = axes()
        Faces.empty(landmarks=5).plot(image, ax)
        assert not ax.patches
        drawn(ax)


def test_axes_that_are_given_need_no_pyplot():
    pytest.importorskip("matplotlib")
    code = (
        "import sys, numpy as np; from matplotlib.figure import Figure; "
        "from zqcnn_xp.pipelines import Faces; "
        "Faces([[0, 0, 9, 9]], [0.5]).plot(np.zeros((9, 9, 3), np.uint8), Figure().subplots()); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_a_figure_of_its_own(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    before = pyplot.get_fignums()
    ax = FACES.plot(IMAGE)
    try:
        assert len(pyplot.get_fignums()) == len(before) + 1
        assert ax.figure.axes == [ax]
    finally:
        pyplot.close(ax.figure)


def test_one_face_and_any_iterable():
    ax = axes()
    plot_faces([FACES[0]], IMAGE, ax)
    assert len(ax.patches) == 1


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.patches", None)
    with pytest.raises(PackageMissing, match=r"pip install 'zqcnn-xp\[plot\]'"):
        FACES.plot(IMAGE)
