"""Damaged files, and the bounds within which a reader answers them: what all formats share.

Seeded, so that a failure comes back. This is no test file and imports nothing of its own folder:
`conftest` loads it, and a process of its own can.
"""

from __future__ import annotations

import random
import re
import warnings
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from zqcnn_xp.errors import FormatError

MEMORY = 256 << 20
# Small files take up to 11,000; 100,000 layers of ten bytes take 5.6 a byte.
CALLS, CALLS_OF_A_BYTE = 20_000, 10
"""What reading may call: so many functions, and so many more for each byte of the files."""

NUMBERS = [
    *(b"0", b"-1", b"2147483647", b"2147483648", b"-2147483648", b"9223372036854775807"),
    *(b"9223372036854775808", b"nan", b"inf", b"1e999", b"", b"9" * 400, b"0.5", b"65536"),
]
"""What stands in the place of a number of a text."""

INTEGERS = [
    *(n.to_bytes(4, "little", signed=True) for n in (0, -1, 1 << 20, (1 << 31) - 1, -1 << 31)),
    *(n.to_bytes(8, "little", signed=True) for n in (-1, 1 << 40, (1 << 63) - 1, -1 << 63)),
    # The same as varints.
    *(b"\xff" * 9 + b"\x01", b"\x80\x80\x80\x80\x08", b"\xff\xff\xff\xff\x07", b"\0"),
]
"""What stands in the place of a count of a binary file."""


def _counted():
    """Return ``counted`` of the module ``work`` in the folder above, which no path names."""
    spec = spec_from_file_location("work", Path(__file__).parents[1] / "work.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.counted


counted = _counted()


class Judge:
    """Reads damaged files: either a network or a `FormatError` that names file and place.

    Parameters
    ----------
    read
        A reader's method, or a function of the same arguments.
    every
        Work is counted and memory traced in the first of every so many calls: both are slow. Of
        what never ends in another call, pytest's limit of time for a test tells.
    placed
        Whether every error has a place; False where some are of a file as a whole.
    """

    def __init__(self, read, every=20, placed=True):
        self.read, self.every, self.placed, self.times = read, every, placed, 0

    def __call__(self, *files, **options):
        """Say whether reading worked. Another error, too much work or memory fails."""
        self.times += 1
        if self.times % self.every == 1 % self.every:
            return self.traced(*files, **options)
        return self.plain(*files, **options)

    def plain(self, *files, **options):
        """Neither count nor trace."""
        problem = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self.read(*files, **options)
            except FormatError as error:
                problem = error
        if problem is not None:
            assert problem.file == "<bytes>"
            assert problem.where or not self.placed
            assert problem.found
            assert problem.expected
            assert len(str(problem)) < 2000
        return problem is None

    def counted(self, *files, **options):
        """Count work, which is bounded by the size of the files."""
        with counted(self._most(files)):
            return self.plain(*files, **options)

    def traced(self, *files, memory=MEMORY, **options):
        """Count work, with a look at memory."""
        with counted(self._most(files), memory=True) as work:
            worked = self.plain(*files, **options)
        assert work.memory < memory
        return worked

    @staticmethod
    def _most(files):
        sizes = (len(file) for file in files if isinstance(file, bytes))
        return CALLS + CALLS_OF_A_BYTE * sum(sizes)

    def cuts(self, files, place, sizes=None):
        """Cut one of the files after every byte (or those given): whether each works."""
        sizes = range(len(files[place]) + 1) if sizes is None else sizes
        before, data, after = files[:place], files[place], files[place + 1 :]
        return [self(*before, data[:size], *after) for size in sizes]

    def trials(self, makers, *, seed, worked, count=2000):
        """Read what the makers make of a generator in turn; some work and some do not.

        ``worked`` is (least, most), the share of those that work.
        """
        rng = random.Random(seed)
        good = 0
        for number in range(count):
            # Another of the makers is traced each time, as their number may divide ``every``.
            place = (number + number // len(makers)) % len(makers)
            good += self(*makers[place](rng))
        assert worked[0] < good / count < worked[1]


def mutate(rng, data, place=None):
    """Do one of the usual damages, at a place if one is given."""
    data = bytearray(data)
    place = rng.randrange(len(data)) if place is None else place
    length = rng.choice([1, 2, 4, 8, 16, 40, 100])
    kind = rng.randrange(10)
    if kind == 0:
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[place : place + length]
    elif kind == 2:
        data[place:place] = rng.randbytes(length)
    elif kind == 3:
        data[place : place + length] = bytes(length)
    elif kind == 4:
        data[place : place + length] = b"\xff" * length
    elif kind == 5:
        data[place:place] = data[rng.randrange(len(data)) :][:length]
    elif kind == 6:
        for _ in range(length):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == 7:
        bomb = rng.choice(INTEGERS)
        data[place : place + rng.randrange(len(bomb) + 1)] = bomb
    elif kind == 8:
        data[place] = rng.choice(b'0123456789,:{}[]()<>="-e \n')
    else:
        del data[place:]
    return bytes(data)


def mutate_text(rng, text, number=rb"=(\d+)", bombs=NUMBERS):
    """Damage that keeps the grammar: numbers (group 1 of the pattern), words and lines."""
    kind = rng.randrange(5)
    if kind == 0:
        found = rng.choice(list(re.finditer(number, text)))
        return text[: found.start(1)] + rng.choice(bombs) + text[found.end(1) :]
    lines = text.split(b"\n")
    place, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    if kind == 1:
        lines[place], lines[other] = lines[other], lines[place]
    elif kind == 2:
        lines.insert(place, lines[other])
    elif kind == 3:
        words = lines[place].split() or [b""]
        words[rng.randrange(len(words))] = rng.choice(lines[other].split() or [b"x"])
        lines[place] = b" ".join(words)
    else:
        del lines[place]
    return b"\n".join(lines)


def bombed(text, number=rb"=(\d+)", bombs=NUMBERS, *, least):
    """Yield the text with each number in turn replaced by each of the bombs."""
    found = list(re.finditer(number, text))
    assert len(found) > least
    for match in found:
        for bomb in bombs:
            yield text[: match.start(1)] + bomb + text[match.end(1) :]
