"""Check one op: its shape rules, its reference on several array libraries, its dtypes.

Shipped, so that whoever adds an op of their own tests it as the ops here are tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError, ZqcnnError
from zqcnn_xp.layout import to_logical, to_storage
from zqcnn_xp.ops.base import Op, Shape

__all__ = ["NAMESPACES", "CheckError", "check_op", "installed", "random_weights"]

Arrays: TypeAlias = Sequence[NDArray[Any]]
NAMESPACES = ("numpy", "read-only", "array_api_strict", "jax", "torch")
"""Where `check_op` runs a reference: ``"read-only"`` is NumPy on arrays that refuse writes."""


class CheckError(ZqcnnError, AssertionError):
    """An op or a backend does not do what its contract says."""


def random_weights(op: Op, *shapes: Shape, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Draw weights of the shapes that an op asks for.

    Parameters
    ----------
    op, shapes
        The op and the logical shapes of its inputs.
    seed
        Of the generator.

    Returns
    -------
    dict
        Normal numbers, float32; ``variance`` is positive.

    Examples
    --------
    >>> from zqcnn_xp.ops import Conv2D
    >>> {k: v.shape for k, v in random_weights(Conv2D(8, (3, 3)), (1, 3, 9, 9)).items()}
    {'weight': (3, 3, 3, 8), 'bias': (8,)}
    """
    rng = np.random.default_rng(seed)
    found: dict[str, NDArray[np.float32]] = {}
    for name, shape in op.weights(*shapes).items():
        drawn = rng.standard_normal(shape).astype(np.float32)
        found[name] = np.abs(drawn) + np.float32(0.5) if name == "variance" else drawn
    return found


def check_op(
    op: Op,
    *inputs: NDArray[Any],
    weights: Mapping[str, NDArray[Any]] | None = None,
    expect: Arrays | Callable[..., NDArray[Any] | Arrays] | None = None,
    namespaces: Sequence[str] | None = None,
    tolerance: float = 1e-5,
) -> tuple[NDArray[np.float32], ...]:
    """Run an op's reference over array libraries, and compare shapes, dtypes and results.

    Parameters
    ----------
    op
        The op. A host op runs on NumPy alone.
    inputs
        Logical (NCHW) arrays, float32.
    weights
        By name; None draws `random_weights`.
    expect
        The outputs in logical layout, or a function of (weights, *inputs) that returns one
        or several; None compares the libraries with NumPy only.
    namespaces
        A choice of `NAMESPACES`; None takes those whose libraries are installed.
    tolerance
        Largest error, relative to the largest expected magnitude or 1.

    Returns
    -------
    tuple
        NumPy's outputs, logical layout.

    Raises
    ------
    CheckError
        If a weight, a shape, a dtype or a value is not what the op's own rules or ``expect``
        say, or an input was written to.
    InputError
        If a namespace is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from zqcnn_xp.ops import Activation
    >>> x = np.linspace(-1, 1, 24, dtype=np.float32).reshape(1, 2, 3, 4)
    >>> (y,) = check_op(Activation("relu"), x, expect=lambda w, x: np.maximum(x, 0),
    ...                 namespaces=("numpy", "read-only"))
    >>> y.shape
    (1, 2, 3, 4)
    """
    shapes = [tuple(x.shape) for x in inputs]
    held = dict(random_weights(op, *shapes) if weights is None else weights)
    wanted, given = op.weights(*shapes), {name: w.shape for name, w in held.items()}
    _demand(wanted == given, op, f"weights {given}", f"{wanted}")
    twin = replace(op)
    _demand(twin == op and hash(twin) == hash(op), op, "unequal copies", "a frozen dataclass")
    muladds = op.muladds(*shapes)
    _demand(isinstance(muladds, int) and muladds >= 0, op, f"muladds {muladds!r}", "an int >= 0")
    inferred = op.infer(*shapes)
    reference = _expected(expect, held, inputs)
    first: tuple[NDArray[np.float32], ...] | None = None
    for name in installed() if namespaces is None else namespaces:
        if name not in NAMESPACES:
            msg = f"check_op: found namespace {name!r}, expected one of {', '.join(NAMESPACES)}"
            raise InputError(msg)
        if op.host and name not in ("numpy", "read-only"):
            continue
        outputs = _run(op, name, held, inputs)
        what = f"on {name}"
        _demand(len(outputs) == len(inferred), op, f"{len(outputs)} outputs {what}", len(inferred))
        for y, shape in zip(outputs, inferred, strict=True):
            _demand(y.dtype == np.float32, op, f"dtype {y.dtype} {what}", "float32")
            fits = y.shape == shape or (op.host and y.shape[0] <= shape[0])
            _demand(fits and y.shape[1:] == shape[1:], op, f"shape {y.shape} {what}", shape)
        against = first if reference is None else reference
        if against is not None:
            _demand(len(against) == len(outputs), op, f"{len(outputs)} outputs", len(against))
            for y, wish in zip(outputs, against, strict=True):
                _compare(op, what, y, np.asarray(wish), tolerance)
        first = outputs if first is None else first
    return first or ()


def _demand(holds: bool, op: Op, found: str, expected: object) -> None:
    if not holds:
        msg = f"{op}: found {found}, expected {expected}"
        raise CheckError(msg)


def _expected(
    expect: Arrays | Callable[..., NDArray[Any] | Arrays] | None,
    weights: Mapping[str, NDArray[Any]],
    inputs: Arrays,
) -> Arrays | None:
    if not callable(expect):
        return expect
    value = expect(weights, *inputs)
    return [value] if isinstance(value, np.ndarray) else value


def _compare(op: Op, what: str, y: NDArray[Any], wish: NDArray[Any], tolerance: float) -> None:
    _demand(y.shape == wish.shape, op, f"shape {y.shape} {what}", f"{wish.shape}")
    regular = np.isfinite(wish)
    same = np.array_equal(y[~regular], wish[~regular], equal_nan=True)
    _demand(same, op, f"other infinities or NaNs {what}", "those of the expectation")
    error = np.max(np.abs(y[regular].astype(np.float64) - wish[regular]), initial=0.0)
    bound = tolerance * max(1.0, float(np.max(np.abs(wish[regular]), initial=0.0)))
    _demand(bool(error <= bound), op, f"an error of {error:.3g} {what}", f"at most {bound:.3g}")


def installed() -> tuple[str, ...]:
    """Return those of `NAMESPACES` whose libraries are installed.

    Examples
    --------
    >>> installed()[:2]
    ('numpy', 'read-only')
    """
    own = ("numpy", "read-only")
    return tuple(name for name in NAMESPACES if name in own or find_spec(name) is not None)


def _run(
    op: Op, name: str, weights: Mapping[str, NDArray[Any]], inputs: Arrays
) -> tuple[NDArray[np.float32], ...]:
    """Run the reference in storage layout and give logical NumPy arrays back."""
    stored = [np.array(to_storage(np, x), order="C") for x in inputs]  # ours to lock
    held = {key: np.array(w) for key, w in weights.items()}
    if name == "read-only":
        for array in (*stored, *held.values()):
            array.flags.writeable = False
    kept = [*stored, *held.values()]
    before = [array.copy() for array in kept]
    with _namespace(name) as (xp, call):
        put = {key: xp.asarray(w) for key, w in held.items()}
        arrays = [xp.asarray(x) for x in stored]
        outputs = call(op, put, *arrays)
        kinds = {type(x).__name__ for x in arrays}
        for y in outputs:
            _demand(type(y).__name__ in kinds, op, f"an output of type {type(y).__name__}", kinds)
        found = tuple(to_logical(np, np.asarray(y)) for y in outputs)
    for array, old in zip(kept, before, strict=True):
        _demand(np.array_equal(array, old, equal_nan=True), op, "a changed input", "it untouched")
    return found


@contextmanager
def _namespace(name: str) -> Iterator[tuple[Any, Callable[..., Any]]]:
    """Give the namespace and a function that calls a reference in it."""
    if name == "array_api_strict":
        import array_api_strict

        # The oldest revision with every function an op may use, without what compilers lack.
        with array_api_strict.ArrayAPIStrictFlags(
            api_version="2023.12",
            boolean_indexing=False,
            data_dependent_shapes=False,
            enabled_extensions=(),
        ):
            yield array_api_strict, lambda op, w, *xs: op.forward(array_api_strict, w, *xs)
        return
    if name == "jax":
        import jax
        import jax.numpy as jnp

        yield jnp, lambda op, w, *xs: jax.jit(lambda w, *xs: op.forward(jnp, w, *xs))(w, *xs)
        return
    if name == "torch":
        from array_api_compat import torch as xp
    else:
        from array_api_compat import numpy as xp
    yield xp, lambda op, w, *xs: op.forward(xp, w, *xs)
