"""Few sizes instead of many: the rounding that keeps a compiler from compiling again and again.

A backend that compiles per shape (`Backend.jits`) would compile anew for every scale of an image
pyramid and every number of crops. Rounded up to a bucket, sizes of all magnitudes share a number
of programs that grows with the logarithm of the largest size.
"""

from __future__ import annotations

from zqcnn_xp.errors import InputError

__all__ = ["bucket_count", "round_up"]


def round_up(n: int, per_octave: int = 4) -> int:
    """Return the least bucket that is not below ``n``.

    The buckets are every integer up to ``2 * per_octave``, then ``per_octave`` evenly spaced
    integers in each doubling: the numbers ``m * 2**e`` with ``per_octave < m <= 2 * per_octave``.
    A bucket exceeds ``n`` by less than one part in ``per_octave``.

    Parameters
    ----------
    n
        A size or a count, 0 or more.
    per_octave
        Buckets per doubling, 1 or more: 1 gives the powers of two.

    Raises
    ------
    InputError
        If ``n`` is negative or ``per_octave`` is not positive.

    Examples
    --------
    >>> [round_up(n) for n in (0, 1, 5, 8, 9, 17, 100, 240, 1000)]
    [0, 1, 5, 8, 10, 20, 112, 256, 1024]
    >>> [round_up(n, per_octave=1) for n in (3, 5, 240)]
    [4, 8, 256]
    """
    _check(n, per_octave)
    step = _step(n, per_octave)
    return -(-n // step) * step


def bucket_count(lo: int, hi: int, per_octave: int = 4) -> int:
    """Return how many buckets the sizes ``lo`` to ``hi`` (both included) fall into.

    This bounds the programs compiled for one free size; with two free sizes the bounds multiply.

    Raises
    ------
    InputError
        If ``lo > hi``, ``lo`` is negative or ``per_octave`` is not positive.

    Examples
    --------
    >>> bucket_count(12, 1000)
    27
    >>> len({round_up(n) for n in range(12, 1001)})
    27
    """
    _check(lo, per_octave)
    if lo > hi:
        msg = f"found a range of sizes from {lo} to {hi}, expected its start not above its end"
        raise InputError(msg)
    return (
        _index(round_up(hi, per_octave), per_octave)
        - _index(round_up(lo, per_octave), per_octave)
        + 1
    )


def _check(n: int, per_octave: int) -> None:
    if n < 0:
        msg = f"found a size of {n}, expected 0 or more"
        raise InputError(msg)
    if per_octave < 1:
        msg = f"found {per_octave} buckets per octave, expected 1 or more"
        raise InputError(msg)


def _exponent(n: int, per_octave: int) -> int:
    """Return the least ``e >= 0`` with ``n <= 2 * per_octave * 2**e``; exact at any size."""
    return (max(n - 1, 0) // (2 * per_octave)).bit_length()


def _step(n: int, per_octave: int) -> int:
    return 1 << _exponent(n, per_octave)


def _index(bucket: int, per_octave: int) -> int:
    """Return the position of a bucket among all of them, counted from 0."""
    exponent = _exponent(bucket, per_octave)
    return per_octave * exponent + (bucket >> exponent)
