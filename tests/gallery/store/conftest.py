"""Stores with known contents, and what they should hold."""

import numpy as np
import pytest

from zqcnn_xp.gallery.store import Batch, Store


class Model:
    """What a store should hold: plain lists."""

    def __init__(self, dim):
        self.dim = dim
        self.features = np.empty((0, dim), np.float32)
        self.names, self.labels, self.meta = [], [], []

    def add(self, batch):
        self.features = np.concatenate([self.features, batch.features])
        self.names += batch.names
        self.labels += batch.labels
        self.meta += batch.meta

    def check(self, store, rows=None):
        """Compare the first ``rows`` (all by default) with all of a store of float32."""
        rows = len(self.names) if rows is None else rows
        assert len(store) == rows
        assert np.array_equal(store.rows[0:rows], self.features[:rows])
        assert store.names[:] == self.names[:rows]
        assert store.labels[:] == self.labels[:rows]
        assert store.meta[:] == self.meta[:rows]


def batch_of(rng, rows, dim, start=0):
    """Rows with names, labels and metadata that differ in length."""
    numbers = range(start, start + rows)
    return Batch(
        rng.standard_normal((rows, dim), np.float32),
        [f"{number:x}/Bär {'x' * (number % 7)}.jpg" for number in numbers],
        [None if number % 5 == 0 else f"person {number % 11}" for number in numbers],
        [{"row": number} if number % 3 else None for number in numbers],
    )


@pytest.fixture
def make_batch():
    return batch_of


@pytest.fixture
def make_model():
    return Model


@pytest.fixture
def make(tmp_path):
    """Make a closed store of some appends; returns its folder and a model of it."""

    def make_store(appends, *, dim=4, dtype="float32", name="faces"):
        rng, model = np.random.default_rng(7), Model(dim)
        path = tmp_path / name
        with Store.create(path, dim, dtype, durability="os") as store:
            for rows in appends:
                batch = batch_of(rng, rows, dim, len(model.names))
                store.append(*batch)
                model.add(batch)
        return path, model

    return make_store
