"""Faces in images: aligned and embedded together, whatever image they come from."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines import Faces
from zqcnn_xp.pipelines.embedding import Embedder
from zqcnn_xp.vision.templates import get_template
from zqcnn_xp_models import sphereface

POINTS = get_template("sphereface").points
PLACES = [np.array([[20, 30], [60, 5]]), np.empty((0, 2), int), np.array([[7, 9]])]
"""x, y of the upper left corner of each face of three images."""


@pytest.fixture(scope="module")
def one():
    values = {"color": "bgr", "mean": 127.5, "scale": 0.0078125}
    return Embedder(sphereface.build(), backend="numpy", threads=1, **values)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    sizes = ((170, 180), (40, 30), (140, 130))
    return [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


@pytest.fixture(scope="module")
def kps():
    return [POINTS + place[:, None, :] for place in PLACES]


@pytest.fixture(scope="module")
def want(one, images):
    """Embeddings of what lies where the faces are moved to: whole pixels need no samples."""
    crops = [
        image[y : y + 112, x : x + 96]
        for image, places in zip(images, PLACES, strict=True)
        for x, y in places
    ]
    return one.embed(np.stack(crops))


def close(found, want):
    assert found.shape == want.shape
    np.testing.assert_allclose(found, want, rtol=0, atol=2e-2 * np.abs(want).max())


def test_all_faces_of_all_images(one, images, kps, want):
    close(one.embed_faces(images, kps), want)
    normed = one.embed_faces(images, kps, normed=True)
    np.testing.assert_allclose(np.linalg.norm(normed, axis=1), 1, rtol=1e-6)


def test_one_image(one, images, kps, want):
    close(one.embed_faces(images[0], kps[0]), want[:2])
    assert one.embed_faces(images[1], kps[1]).shape == (0, 256)
    reverse = np.ascontiguousarray(images[0][..., ::-1])
    close(one.embed_faces(reverse, kps[0], color="bgr"), want[:2])


def test_faces_instead_of_points(one, images, kps, want):
    faces = [Faces(np.zeros((len(k), 4)), np.zeros(len(k)), k if len(k) else None) for k in kps]
    close(one.embed_faces(images, faces), want)
    found = one.annotate(images, faces)
    assert [len(part) for part in found] == [2, 0, 1]
    assert found[1].embedding.shape == (0, 256)
    close(np.concatenate([part.embedding for part in found]), want)
    for part in found:
        lengths = np.linalg.norm(part.normed_embedding, axis=1)
        np.testing.assert_allclose(lengths, 1, rtol=1e-6)
        product = part.normed_embedding * part.embedding_norm[:, None]
        np.testing.assert_allclose(product, part.embedding, rtol=0, atol=1e-5)
        assert part.embedding.dtype == part.embedding_norm.dtype == np.float32
    np.testing.assert_array_equal(found[0].kps, faces[0].kps)
    assert not faces[0].extra


def faces_with(kps):
    return Faces(np.zeros((len(kps), 4)), np.zeros(len(kps)), kps)


def test_lists_of_single_faces(one, images, kps, want):
    """What FaceAnalysis.get returns; a Face iterates over its names, not over numbers."""
    each = [list(faces_with(k)) for k in kps]
    close(one.embed_faces(images[0], each[0]), want[:2])
    close(one.embed_faces(images[0], each[0][1]), want[1:2])
    close(one.embed_faces(images, each), want)
    found = one.annotate(images, each)
    assert [len(part) for part in found] == [2, 0, 1]
    close(np.concatenate([part.embedding for part in found]), want)


def test_annotated_single_faces_keep_what_they_had(one, images, kps):
    faces = faces_with(kps[0]).with_extra({"age": [31, 47]})
    (found,) = one.annotate(images[:1], [list(faces)])
    assert found.age.tolist() == [31, 47]
    np.testing.assert_array_equal(found.kps, faces.kps)


def test_what_is_no_face_is_told(one, images, kps):
    bare = list(Faces([[0, 0, 9, 9]], [0.5]))
    with pytest.raises(InputError, match="without five points"):
        one.embed_faces(images[0], bare)
    for given in (faces_with(kps[0]), next(iter(faces_with(kps[0]))), 5, [5], ["faces"]):
        with pytest.raises(InputError, match="expected"):
            one.annotate(images[:1], given)


def test_an_empty_list_is_no_faces(one, images):
    assert one.embed_faces(images[0], []).shape == (0, 256)
    assert one.embed_faces(images[:2], [[], []]).shape == (0, 256)


def test_crops_are_held_in_blocks(one, images, kps, monkeypatch):
    repeated = [np.concatenate([k] * 7) if len(k) else k for k in kps]
    whole = one.embed_faces(images, repeated)
    small = Embedder(one.session, recipe=one.recipe, batch=2)
    whole_by_two = small.embed_faces(images, repeated)
    sizes = []
    monkeypatch.setattr("zqcnn_xp.pipelines.embedding.embedder._BLOCK", 5)
    embed = Embedder.embed

    def counted(self, crops, **options):
        sizes.append(len(crops))
        return embed(self, crops, **options)

    monkeypatch.setattr(Embedder, "embed", counted)
    # Blocks of whole batches: the network sees the same batches, so that not a bit differs.
    np.testing.assert_array_equal(small.embed_faces(images, repeated), whole_by_two)
    assert sizes == [4, 4, 4, 4, 4, 1]
    np.testing.assert_allclose(whole_by_two, whole, rtol=0, atol=1e-4 * np.abs(whole).max())


def test_what_cannot_be_aligned_is_named(one, images, kps):
    with pytest.raises(InputError, match="without five points"):
        one.embed_faces(images[0], Faces([[0, 0, 9, 9]], [0.5]))
    with pytest.raises(InputError, match="found 2 arrays, expected one for each of 3 images"):
        one.embed_faces(images, kps[:2])
    alone = Embedder(one.session, recipe=one.recipe.changed(template="", size=(112, 96)))
    with pytest.raises(InputError, match="a recipe without a template"):
        alone.embed_faces(images, kps)


def test_no_images_are_no_faces(one):
    assert one.embed_faces([], []).shape == (0, 256)
    assert one.annotate([], []) == []
