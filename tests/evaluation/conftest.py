"""What the tests of data sets' files share: damage, and a judge of readers."""

from __future__ import annotations

import random
import time
import tracemalloc
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from zqcnn_xp.errors import DatasetError

SECONDS, MEMORY = 2.0, 64 << 20


@pytest.fixture(scope="session")
def damage():
    """The module of ways to damage a file that the tests of model formats use."""
    path = Path(__file__).parents[1] / "formats" / "damage.py"
    spec = spec_from_file_location("damage", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Judge:
    """Reads damaged files: a result, or a `DatasetError` that says what was found."""

    def __init__(self, read, memory=MEMORY):
        self.read, self.memory = read, memory

    def __call__(self, data, *, traced=False):
        """Say whether reading worked. Another error, too much time or memory fails."""
        if traced:
            tracemalloc.start()
        start = time.process_time()
        problem = None
        try:
            self.read(data)
        except DatasetError as error:
            problem = error
        finally:
            spent = time.process_time() - start
            if traced:
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
                assert peak < self.memory
            assert spent < SECONDS * (10 if traced else 1)
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
def judge():
    return Judge
