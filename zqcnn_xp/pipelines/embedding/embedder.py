"""The embedder: crops, or faces in images, to one vector each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.align import align_blocks
from zqcnn_xp.pipelines.embedding.batches import crop_batches
from zqcnn_xp.pipelines.embedding.forward import embed_batch, unit_rows
from zqcnn_xp.pipelines.embedding.networks import find_face_network
from zqcnn_xp.pipelines.embedding.points import faces_of, points_of_faces
from zqcnn_xp.pipelines.embedding.recipe import Recipe
from zqcnn_xp.pipelines.faces import Face, Faces

if TYPE_CHECKING:
    from zqcnn_xp.backend import Backend

__all__ = ["Embedder"]

Float32 = NDArray[np.float32]

_BLOCK = 256
"""Crops that `Embedder.embed_faces` holds at a time, about: bounds the memory."""


class Embedder:
    """Turn aligned faces into vectors.

    Safe to use from several threads.

    Parameters
    ----------
    model
        Name of a model card (``zqcnn-xp models list``), path of a model file, `Session` or `Graph`.
    weights
        The weight file of formats that have one; for a card without files of its own your weights:
        a file of any format (`zqcnn_xp.pipelines.embedding.state.read_state`), arrays by name, or
        a graph.
    backend, device, threads
        As in `zqcnn_xp.get_backend`. A session has its own.
    recipe
        How the network is fed: a `Recipe`, or the name of a card that says it; None takes that of
        the model's own card.
    batch
        Images that the network sees at once, mirrored ones counted; None takes what suits the
        backend. The embeddings do not depend on it but for the last bits.
    options
        Further arguments of `zqcnn_xp.load`, such as ``{"compat": "zqcnn"}``.
    **changes
        Values of the recipe that differ: ``flip="sum"``, ``color="bgr"``, ... A network without a
        card needs ``color``, ``mean`` and ``scale``.

    Raises
    ------
    InputError
        No such model, no recipe, or one that does not fit the network.
    ModelUnavailable
        A named model's file is not here and cannot be had.

    Examples
    --------
    >>> from zqcnn_xp_models import sphereface
    >>> graph = sphereface.build("04bn")  # random weights
    >>> embedder = Embedder(graph, color="bgr", mean=127.5, scale=0.0078125, backend="numpy")
    >>> embedder.recipe.template, embedder.dim
    ('sphereface', 256)
    >>> embedder.embed(np.zeros((3, 112, 96, 3), np.uint8)).shape
    (3, 256)
    """

    def __init__(
        self,
        model: Any,
        weights: Any = None,
        *,
        backend: str | Backend | None = None,
        device: Any = None,
        threads: int | None = None,
        recipe: Recipe | str | None = None,
        batch: int | None = None,
        options: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        whole = isinstance(batch, int) and not isinstance(batch, bool)
        if batch is not None and not (whole and batch >= 1):
            raise InputError(f"batch={batch!r}: expected an integer of at least 1")
        found = find_face_network(
            model,
            weights,
            backend=backend,
            device=device,
            threads=threads,
            recipe=recipe,
            options=options,
            changes=changes,
        )
        self.session, self.recipe, self.card = found
        self.batch = self.backend.small_images if batch is None else batch

    def __repr__(self) -> str:
        return (
            f"<Embedder {self.name}: {self.recipe.size} {self.recipe.color} on {self.backend.name}>"
        )

    @property
    def name(self) -> str:
        """The card's name, or that of the network."""
        return self.card.name if self.card is not None else self.session.graph.name or "network"

    @property
    def backend(self) -> Backend:
        """Where the network runs."""
        return self.session.backend

    @property
    def dim(self) -> int:
        """Length of an embedding, after the flip rule."""
        graph, recipe = self.session.graph, self.recipe
        value = graph.value(recipe.output) if recipe.output else graph.outputs[0]
        shapes = {graph.inputs[0].name: (1, *recipe.shape)}
        length = prod(graph.subgraph((value,)).shapes(shapes)[value])
        return length * (1 + (recipe.flip == "concatenate"))

    def embed(
        self,
        crops: Any,
        *,
        normed: bool | None = None,
        color: str = "rgb",
        resize: bool = False,
    ) -> Float32:
        """Embed aligned crops.

        Parameters
        ----------
        crops
            (n, height, width, 3) uint8 of the recipe's size; or one crop, or an iterable of crops,
            each of anything that `zqcnn_xp.vision.io.read_image` takes. What is lazy is read batch
            by batch.
        normed
            Scale every embedding to length 1; None does as the recipe says.
        color
            Channel order of *arrays*, ``"rgb"`` or ``"bgr"``; what the network wants is the
            recipe's affair.
        resize
            Bring crops of another size to the recipe's. They have to be aligned all the same.

        Returns
        -------
        NDArray[float32]
            (n, dim).

        Raises
        ------
        InputError
            A crop of another size, or what is no crop.
        ImageError
            A crop that cannot be read.
        """
        rows = [
            embed_batch(self.session, self.recipe, batch)
            for batch in crop_batches(
                crops, self.recipe.size, self._count(), color=color, resize=resize
            )
        ]
        found = np.concatenate(rows) if rows else np.empty((0, self.dim), np.float32)
        normed = self.recipe.normalise if normed is None else normed
        return unit_rows(found) if normed else found

    def embed_faces(
        self,
        images: Any,
        kps: Any,
        *,
        normed: bool | None = None,
        color: str = "rgb",
    ) -> Float32:
        """Align and embed all faces of all images, in one call.

        Parameters
        ----------
        images
            One image, or a list of images of any sizes: whatever `zqcnn_xp.vision.io.read_image`
            takes.
        kps
            For one image its faces: (n, 5, 2) points in pixels, as `Faces.kps` has them, or
            `Faces`, or a list of `Face`. For a list of images a list of these, one an image.
        normed, color
            As in `embed`.

        Returns
        -------
        NDArray[float32]
            (n, dim): the faces of the first image, then those of the second, and so on. Crops are
            cut and embedded some 256 at a time, whatever the number of faces.

        Raises
        ------
        InputError
            Faces without points, points of another shape or number, a recipe without a template.
        ImageError
            Not an image.
        """
        if self.recipe.template == "":
            raise InputError("found a recipe without a template: faces cannot be aligned for it")
        if isinstance(images, list | tuple):
            given = kps if isinstance(kps, list | tuple) else [kps]
            points: Any = [points_of_faces(one) for one in given]
        else:
            points = points_of_faces(kps)
        # Whole batches, so that the network sees the same ones as it would in one piece.
        count = self._count() * max(1, _BLOCK // self._count())
        blocks = align_blocks(
            images, points, self.recipe.template, count, backend=self.backend, color=color
        )
        rows = [self.embed(block, normed=normed) for block in blocks]
        return np.concatenate(rows) if rows else np.empty((0, self.dim), np.float32)

    def annotate(
        self, images: Any, faces: Sequence[Faces | Sequence[Face]], *, color: str = "rgb"
    ) -> list[Faces]:
        """Return faces with what they were embedded to, all images in one call.

        Parameters
        ----------
        images
            A list of images.
        faces
            The faces of each, with five points: `Faces`, or a list of `Face`.
        color
            As in `embed`.

        Returns
        -------
        list[Faces]
            The same faces with ``embedding`` (n, dim), ``normed_embedding``, which has length 1,
            and ``embedding_norm`` (n,), all float32.

        Raises
        ------
        InputError, ImageError
            As `embed_faces`.
        """
        if isinstance(faces, Faces | Mapping) or not isinstance(faces, Iterable):
            msg = f"faces: found a {type(faces).__name__}, expected a list, the faces of each image"
            raise InputError(msg)
        given = [faces_of(one) for one in faces]
        rows = self.embed_faces(list(images), given, normed=False, color=color)
        unit = unit_rows(rows)
        norms = np.linalg.norm(rows, axis=1)
        found, start = [], 0
        for one in given:
            part = slice(start, start + len(one))
            extra = {
                "embedding": rows[part],
                "normed_embedding": unit[part],
                "embedding_norm": norms[part],
            }
            found.append(one.with_extra(extra))
            start += len(one)
        return found

    def _count(self) -> int:
        """Return how many crops go into one batch."""
        return max(self.batch // 2, 1) if self.recipe.flip != "none" else self.batch
