"""A store with known contents, and damaged copies of files of features."""

import random
from contextlib import nullcontext

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.gallery.store import Store

MEMORY = 64 << 20
CALLS, CALLS_OF_A_BYTE = 10_000, 1
"""What reading may call: so many functions, and so many more for each byte of the file."""
NUMBERS = [
    *(n.to_bytes(4, "little", signed=True) for n in (0, 1, -1, 1 << 20, (1 << 31) - 1, -1 << 31)),
    *(n.to_bytes(8, "little", signed=True) for n in (-1, 1 << 40, (1 << 63) - 1)),
    *(b"\xff" * 9 + b"\x01", b"\x80\x80\x80\x80\x08", b"99999999999", b"nan"),
]


@pytest.fixture
def store(tmp_path):
    """12 rows of 3 persons and nobody, with names beyond ASCII; float32."""
    rng = np.random.default_rng(1)
    names = [f"p{row % 3}/Bär {row}.jpg" for row in range(12)]
    labels = [f"p{row % 3}" for row in range(12)]
    meta = [{"row": row} if row % 2 else None for row in range(12)]
    with Store.create(tmp_path / "faces", 5) as store:
        store.append(rng.standard_normal((12, 5), np.float32), names, labels, meta)
    return Store.open(tmp_path / "faces")


@pytest.fixture
def whole():
    """Read all of a source: features, names and labels."""

    def read(source):
        features, names, labels = [np.empty((0, source.dim), np.float32)], [], []
        for batch in source.batches:
            features.append(batch.features)
            names += batch.names
            labels += batch.labels or [None] * len(batch.names)
        return np.concatenate(features), names, labels

    return read


def damaged(rng, data):
    """Do one of the usual damages."""
    data = bytearray(data)
    place = rng.randrange(len(data))
    length = rng.choice([1, 2, 4, 8, 16, 40])
    kind = rng.randrange(8)
    if kind == 0:
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[place : place + length]
    elif kind == 2:
        data[place:place] = rng.randbytes(length)
    elif kind == 3:
        data[place : place + length] = rng.choice([b"\0", b"\xff"]) * length
    elif kind == 4:
        data[place:place] = data[rng.randrange(len(data)) :][:length]
    elif kind == 5:
        number = rng.choice(NUMBERS)
        data[place : place + len(number)] = number
    elif kind == 6:
        number = rng.choice(NUMBERS)  # where most counts are
        place = 4 * rng.randrange(min(len(data), 64) // 4)
        data[place : place + len(number)] = number
    else:
        del data[place:]
    return bytes(data)


@pytest.fixture
def mutations(tmp_path, whole, counted):
    """Read a file damaged 2,000 times: `DatasetError` with its name, or features."""

    def run(data, read, *, name="damaged", count=2000, least=0.0, most=0.5):
        rng = random.Random(11)
        path = tmp_path / name
        good = 0
        for number in range(count):
            path.write_bytes(damaged(rng, data))
            problem = None
            traced = counted(CALLS + CALLS_OF_A_BYTE * path.stat().st_size, memory=True)
            with traced if number % 40 == 0 else nullcontext() as work:
                try:
                    features, names, _ = whole(read(path))
                except DatasetError as error:
                    problem = error
            assert work is None or work.memory < MEMORY
            if problem is None:
                assert len(features) == len(names)
                assert np.isfinite(features).all()
                good += 1
            else:
                assert problem.file.startswith(str(path))
                assert len(str(problem)) < 1500
        assert least <= good / count <= most
        return good

    return run
