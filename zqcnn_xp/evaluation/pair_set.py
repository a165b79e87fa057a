"""Pairs of images as indices into their names, in the parts that protocols judge by turns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.errors import DatasetError, InputError

__all__ = ["FOLDS", "PairSet", "contiguous_folds", "pairs_of_rows"]

FOLDS = 10
_SHOWN = 5


@dataclass(frozen=True)
class PairSet:
    """Pairs of images, as indices into their names.

    Parameters
    ----------
    file
        Where they were read from, for messages.
    names
        The images, each once, in the order of their first appearance; paths with ``/``.
    left, right
        (n,) int64, indices into ``names``.
    same
        (n,) bool, whether a pair shows one person.
    fold
        (n,) int64, the part of the set that a pair belongs to, from 0.
    missing
        Images that were asked for and not found.
    dropped
        Pairs that were left out because of them.
    """

    file: str
    names: tuple[str, ...]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    same: NDArray[np.bool_]
    fold: NDArray[np.int64]
    missing: tuple[str, ...] = ()
    dropped: int = 0

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.same)

    @property
    def folds(self) -> int:
        """Number of parts."""
        return int(self.fold.max()) + 1 if len(self.fold) else 0

    def available(self, names: Collection[str], *, allow_missing: bool = False) -> PairSet:
        r"""Hold the pairs against the images that are there.

        Parameters
        ----------
        names
            What is there.
        allow_missing
            Leave out pairs without both images, and say so in ``missing`` and ``dropped``. The
            parts keep their pairs: a pair that is left out moves no other into another part.

        Raises
        ------
        DatasetError
            If images are missing that may not be, or no pair is left.

        Examples
        --------
        >>> from zqcnn_xp.evaluation.pairs import read_pairs
        >>> pairs = read_pairs(b"a.jpg,b.jpg,1\na.jpg,c.jpg,0\n")
        >>> rest = pairs.available(["a.jpg", "b.jpg"], allow_missing=True)
        >>> rest.names, len(rest), rest.missing, rest.dropped
        (('a.jpg', 'b.jpg'), 1, ('c.jpg',), 1)
        """
        held = set(names)
        missing = tuple(name for name in self.names if name not in held)
        if not missing:
            return self
        there = np.array([name in held for name in self.names])
        keep = there[self.left] & there[self.right]
        dropped = int((~keep).sum())
        if not allow_missing or not keep.any():
            shown = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
            found = f"{len(missing)} of {len(self.names)} images missing ({shown})"
            expected = f"all; {dropped} of {len(self)} pairs need them"
            raise DatasetError(self.file, "", found, expected)
        # Images that only stood beside a missing one are no longer needed.
        used = np.unique(np.concatenate([self.left[keep], self.right[keep]]))
        place = np.full(len(self.names), -1)
        place[used] = np.arange(len(used))
        return replace(
            self,
            names=tuple(self.names[index] for index in used),
            left=place[self.left[keep]],
            right=place[self.right[keep]],
            same=self.same[keep],
            fold=self.fold[keep],
            missing=self.missing + missing,
            dropped=self.dropped + dropped,
        )


def contiguous_folds(count: int, folds: int = FOLDS) -> NDArray[np.int64]:
    """Cut a number of pairs into parts of neighbours, the first ones a pair longer.

    The same as scikit-learn's ``KFold(folds, shuffle=False)``.

    Examples
    --------
    >>> contiguous_folds(7, 3)
    array([0, 0, 0, 1, 1, 2, 2])
    """
    if not 1 <= folds <= max(1, count):
        raise InputError(f"folds={folds}: expected 1 to {count}, the number of pairs")
    sizes = np.full(folds, count // folds)
    sizes[: count % folds] += 1
    return np.repeat(np.arange(folds), sizes)


def pairs_of_rows(same: ArrayLike, *, file: str = "<pairs>", folds: int = FOLDS) -> PairSet:
    """Return the pairs of a set whose rows 2i and 2i + 1 are pair i, such as a ``.bin`` file's.

    Parameters
    ----------
    same
        (n,) bool.
    file
        Name for messages.
    folds
        Parts of neighbours to cut it into; fewer where there are fewer pairs.

    Examples
    --------
    >>> pairs = pairs_of_rows([True, False])
    >>> pairs.left, pairs.right, pairs.names
    (array([0, 2]), array([1, 3]), ('0', '1', '2', '3'))
    """
    labels = np.asarray(same, np.bool_)
    if labels.ndim != 1 or not labels.size:
        raise InputError(f"same: found shape {labels.shape}, expected (n,), n at least 1")
    left = np.arange(0, 2 * len(labels), 2)
    names = tuple(map(str, range(2 * len(labels))))
    fold = contiguous_folds(len(labels), min(folds, len(labels)))
    return PairSet(file, names, left, left + 1, labels, fold)
