"""Embedders: flip rules, batches, colour orders, backends, and what cannot be an embedder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import zqcnn_xp
from zqcnn_xp.errors import GraphError, InputError, ShapeError
from zqcnn_xp.passes import swap_rgb_bgr
from zqcnn_xp.pipelines.embedding import Embedder, Recipe
from zqcnn_xp.pipelines.embedding.forward import unit_rows
from zqcnn_xp_models import iresnet, lightcnn, mobilefacenet, sphereface

PLAIN = {"mean": 127.5, "scale": 0.0078125}


@pytest.fixture(scope="module")
def graph():
    return sphereface.build("04bn", seed=3)


@pytest.fixture(scope="module")
def embedder(graph):
    return Embedder(graph, color="bgr", backend="numpy", threads=1, **PLAIN)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (7, 112, 96, 3), np.uint8)


def close(found, want, share=1e-5):
    np.testing.assert_allclose(found, want, rtol=0, atol=share * np.abs(want).max())


def test_it_is_the_network_on_the_prepared_crops(embedder, graph, images):
    session = zqcnn_xp.Session(graph, "numpy")
    x = (images[..., ::-1].astype(np.float32) - 127.5) * 0.0078125
    close(embedder.embed(images), session(x.transpose(0, 3, 1, 2).copy())[graph.outputs[0]])
    assert embedder.embed(images).dtype == np.float32
    assert embedder.dim == 256
    assert embedder.embed([]).shape == (0, 256)
    assert "numpy" in repr(embedder)


def test_the_flip_rules(embedder, images):
    plain, mirrored = embedder.embed(images), embedder.embed(images[:, :, ::-1])
    summed = Embedder(embedder.session, recipe=embedder.recipe, flip="sum")
    joined = Embedder(embedder.session, recipe=embedder.recipe, flip="concatenate")
    close(summed.embed(images), plain + mirrored)
    close(joined.embed(images), np.concatenate([plain, mirrored], axis=1))
    assert (summed.dim, joined.dim) == (256, 512)


def test_a_transposed_network_mirrors_columns_all_the_same(graph, images):
    turned = images.swapaxes(1, 2)[:2]
    seen = Recipe("", (96, 112), "bgr", transposed=True, flip="concatenate", **PLAIN)
    found = Embedder(graph, recipe=seen, backend="numpy", threads=1).embed(turned)
    upright = Embedder(graph, color="bgr", backend="numpy", threads=1, **PLAIN)
    close(found[:, :256], upright.embed(images[:2]))
    close(found[:, 256:], upright.embed(images[:2, ::-1]))


@pytest.mark.parametrize("flip", ["none", "sum", "concatenate"])
@pytest.mark.parametrize("backend", ["numpy", "llvm"])
def test_the_batch_does_not_matter(graph, images, backend, flip):
    pytest.importorskip("llvmlite") if backend == "llvm" else None
    options = {"color": "bgr", "flip": flip, "backend": backend, "threads": 1, **PLAIN}
    want = Embedder(graph, batch=1, **options).embed(images)
    for batch in (2, 3, 32):
        close(Embedder(graph, batch=batch, **options).embed(images), want)


def test_backends_that_compile_get_few_sizes(graph, images):
    pytest.importorskip("jax")
    one = Embedder(graph, color="bgr", flip="sum", backend="jax", batch=8, **PLAIN)
    seen = set()
    session = one.session

    class Watched:
        backend = session.backend
        graph = session.graph

        def __call__(self, x, outputs):
            seen.add(x.shape[0])
            return session(x, outputs)

    one.session = Watched()
    want = Embedder(graph, color="bgr", flip="sum", backend="numpy", threads=1, **PLAIN).embed(
        images
    )
    for count in (1, 2, 3, 5, 7):
        close(one.embed(images[:count]), want[:count], 1e-4)
    assert seen <= {2, 4, 8}


def test_lengths_of_one(embedder, images):
    normed = embedder.embed(images, normed=True)
    np.testing.assert_allclose(np.linalg.norm(normed, axis=1), 1, rtol=1e-6)
    close(normed, unit_rows(embedder.embed(images)))
    always = Embedder(embedder.session, recipe=embedder.recipe, normalise=True)
    np.testing.assert_array_equal(always.embed(images), normed)
    np.testing.assert_array_equal(always.embed(images, normed=False), embedder.embed(images))


def test_resnet34_arcface_in_both_channel_orders():
    """The original takes RGB, the converted twin BGR: one embedding."""
    crops = np.random.default_rng(1).integers(0, 256, (1, 112, 112, 3), np.uint8)
    original = iresnet.build("LResNet34E-IR", seed=1)
    twin = swap_rgb_bgr(original, ["conv0"])
    name = "face-recognition-resnet34-arcface"
    rgb = Embedder(original, recipe=name, backend="numpy", threads=1)
    bgr = Embedder(twin, recipe=f"{name}-bgr", backend="numpy", threads=1)
    assert (rgb.recipe.color, bgr.recipe.color, rgb.dim) == ("rgb", "bgr", 512)
    want = rgb.embed(crops)
    close(bgr.embed(crops), want)
    close(bgr.embed(crops[..., ::-1], color="bgr"), want)
    wrong = Embedder(bgr.session, recipe=rgb.recipe)
    assert np.abs(wrong.embed(crops) - want).max() > 1e-2 * np.abs(want).max()


@pytest.mark.parametrize(
    ("graph", "values", "dim", "template"),
    [
        (lightcnn.build("9"), {"color": "gray", "mean": 0, "scale": 1 / 255}, 256, "lightcnn"),
        (mobilefacenet.build("GNAP"), {"color": "bgr", **PLAIN}, 128, "arcface"),
        (sphereface.build("10bn"), {"color": "bgr", **PLAIN}, 512, "sphereface"),
    ],
    ids=["lightcnn", "GNAP", "sphereface"],
)
def test_the_families_have_embedders(graph, values, dim, template):
    one = Embedder(graph, backend="numpy", threads=1, **values)
    assert (one.dim, one.recipe.template) == (dim, template)
    found = one.embed(np.zeros((2, *one.recipe.size, 3), np.uint8))
    assert found.shape == (2, dim)
    close(found[1], found[0])


def test_a_larger_arcface():
    one = Embedder(
        iresnet.build("LResNet50E-IR"), color="rgb", mean=0, scale=1, backend="numpy", threads=1
    )
    assert (one.dim, one.recipe.template, one.recipe.size) == (512, "arcface", (112, 112))
    found = one.embed(np.zeros((1, 112, 112, 3), np.uint8))
    assert found.shape == (1, 512)
    assert np.isfinite(found).all()


def test_a_card_with_a_builder_takes_weights(tmp_path):
    from zqcnn_xp.formats.safetensors import to_safetensors

    random = lightcnn.build("9", seed=7)
    one = Embedder("lightcnn-9", random, backend="numpy", threads=1)
    crops = np.random.default_rng(1).integers(0, 256, (1, 128, 128, 3), np.uint8)
    want = Embedder(random, recipe="lightcnn-9", backend="numpy", threads=1).embed(crops)
    close(one.embed(crops), want)
    assert one.name == "lightcnn-9"
    with pytest.raises(InputError, match="'lightcnn-9' has no files here: give weights="):
        Embedder("lightcnn-9", backend="numpy", threads=1)
    with pytest.raises(InputError, match="has no files here: give the path of yours, and recipe="):
        Embedder("face-recognition-resnet34-arcface-bgr", random, backend="numpy", threads=1)
    to_safetensors(random, tmp_path / "bundle.safetensors")
    whole = Embedder(
        tmp_path / "bundle.safetensors", recipe="lightcnn-9", backend="numpy", threads=1
    )
    close(whole.embed(crops), want)


def test_threads_share_an_embedder(embedder, images):
    want = embedder.embed(images)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(embedder.embed, [images] * 8):
            close(found, want)


def test_what_is_no_embedder_is_named(graph):
    with pytest.raises(InputError, match="give color=, mean=, scale="):
        Embedder(graph, backend="numpy", threads=1)
    with pytest.raises(InputError, match="found option 'flop'"):
        Embedder(graph, color="bgr", flop=1, backend="numpy", threads=1, **PLAIN)
    with pytest.raises(InputError, match="batch=0"):
        Embedder(graph, color="bgr", batch=0, backend="numpy", threads=1, **PLAIN)
    with pytest.raises(ShapeError):
        Embedder(graph, recipe=Recipe(), backend="numpy", threads=1)
    with pytest.raises(GraphError, match="fc7"):
        Embedder(graph, color="bgr", output="fc7", backend="numpy", threads=1, **PLAIN)
    with pytest.raises(InputError, match="a session with a backend"):
        Embedder(zqcnn_xp.Session(graph, "numpy"), backend="numpy", color="bgr", **PLAIN)
    with pytest.raises(InputError, match="'yunet' for face detection"):
        Embedder(graph, recipe="yunet", backend="numpy", threads=1)
    both = lightcnn.build("9", classes=3)
    with pytest.raises(InputError, match="give output="):
        Embedder(both, color="gray", mean=0, scale=1, backend="numpy", threads=1)


def test_crops_of_another_size(embedder):
    with pytest.raises(ShapeError, match="expected 112x96"):
        embedder.embed(np.zeros((1, 112, 112, 3), np.uint8))
    assert embedder.embed(np.zeros((112, 112, 3), np.uint8), resize=True).shape == (1, 256)
