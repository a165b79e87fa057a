"""What the tests of data sets' files share: a judge of readers."""

from __future__ import annotations

import random
from functools import partial

import pytest

from zqcnn_xp.errors import DatasetError

MEMORY = 64 << 20
CALLS, CALLS_OF_A_BYTE = 10_000, 1
"""What reading may call: so many functions, and so many more for each byte of the file."""


class Judge:
    """Reads damaged files: a result, or a `DatasetError` that says what was found."""

    def __init__(self, read, memory=MEMORY, *, counted):
        self.read, self.memory, self.counted = read, memory, counted

    def __call__(self, data, *, traced=False):
        """Say whether reading worked. Another error fails, and if traced, much work or memory."""
        if traced:
            with self.counted(CALLS + CALLS_OF_A_BYTE * len(data), memory=True) as work:
                worked = self(data)
            assert work.memory < self.memory
            return worked
        problem = None
        try:
            self.read(data)
        except DatasetError as error:
            problem = error
        if problem is not None:
            assert problem.file == "<bytes>"
            assert problem.found
            assert problem.expected
            assert len(str(problem)) < 2000
        return problem is None

    def trials(self, makers, *, worked, seed=0, count=2000, every=10):
        """Read what the makers make in turn; the share that works is within ``worked``."""
        rng = random.Random(seed)
        good = 0
        for number in range(count):
            good += self(makers[number % len(makers)](rng), traced=number % every < len(makers))
        assert worked[0] < good / count < worked[1], good / count


@pytest.fixture(scope="session")
def judge(counted):
    return partial(Judge, counted=counted)
