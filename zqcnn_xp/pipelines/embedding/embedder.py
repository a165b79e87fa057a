"""The embedder: crops, or faces in images, to one vector each."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.buckets import round_up
from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.embedding.batches import crop_batches
from zqcnn_xp.pipelines.embedding.networks import find_face_network
from zqcnn_xp.pipelines.embedding.recipe import Recipe

if TYPE_CHECKING:
    from zqcnn_xp.backend import Backend

__all__ = ["Embedder", "unit_rows"]

BATCH = 32
"""Images, mirrored ones counted, that a network sees at once."""

Float32 = NDArray[np.float32]


class Embedder:
    """Turn aligned faces into vectors.

    Safe to use from several threads.

    Parameters
    ----------
    model
        Name of a model card (``zqcnn-xp models list``), path of a model file, `Session` or `Graph`.
    weights
        The weight file of formats that have one; for a card without files of its own, the weights
        that its builder takes.
    backend, device, threads
        As in `zqcnn_xp.get_backend`. A session has its own.
    recipe
        How the network is fed: a `Recipe`, or the name of a card that says it; None takes that of
        the model's own card.
    batch
        Images that the network sees at once. The embeddings do not depend on it but for the last
        bits.
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
        batch: int = BATCH,
        options: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
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
        self.batch = batch

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
        height, width = reversed(recipe.size) if recipe.transposed else recipe.size
        value = graph.value(recipe.output) if recipe.output else graph.outputs[0]
        shapes = {graph.inputs[0].name: (1, recipe.channels, height, width)}
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
            self._run(batch)
            for batch in crop_batches(
                crops, self.recipe.size, self._count(), color=color, resize=resize
            )
        ]
        found = np.concatenate(rows) if rows else np.empty((0, self.dim), np.float32)
        normed = self.recipe.normalise if normed is None else normed
        return unit_rows(found) if normed else found

    def _count(self) -> int:
        """Return how many crops go into one batch."""
        return max(self.batch // 2, 1) if self.recipe.flip != "none" else self.batch

    def _run(self, crops: NDArray[np.uint8]) -> Float32:
        """Embed one batch of crops, the mirrored ones in the same pass."""
        recipe, n = self.recipe, crops.shape[0]
        twice = recipe.flip != "none"
        count = n * (1 + twice)
        if self.backend.jits:
            # Powers of two: few programs, whatever number of faces an image has.
            count = round_up(count, per_octave=1)
        height, width = reversed(recipe.size) if recipe.transposed else recipe.size
        # Storage layout, so that the session's view of it needs no copy.
        stored = np.empty((count, height, width, recipe.channels), np.float32)
        recipe.prepare(crops, stored[:n])
        if twice:
            across = 1 if recipe.transposed else 2
            np.copyto(stored[n : 2 * n], np.flip(stored[:n], across))
        stored[n * (1 + twice) :] = 0
        outputs = (recipe.output,) if recipe.output else None
        (found,) = self.session(stored.transpose(0, 3, 1, 2), outputs).values()
        rows: Float32 = np.ascontiguousarray(found.reshape(count, -1), np.float32)
        if recipe.flip == "sum":
            return rows[:n] + rows[n : 2 * n]
        if recipe.flip == "concatenate":
            return np.concatenate([rows[:n], rows[n : 2 * n]], axis=1)
        return rows[:n].copy() if count > n else rows


def unit_rows(rows: Float32) -> Float32:
    """Scale rows to length 1; a row of zeros stays one.

    Examples
    --------
    >>> unit_rows(np.float32([[3, 4], [0, 0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    length = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    length[length == 0] = 1
    unit: Float32 = (rows / length[:, None]).astype(np.float32)
    return unit
