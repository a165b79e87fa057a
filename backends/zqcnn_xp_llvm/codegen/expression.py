"""Formulas of single elements, as values: what a kernel applies to its result before storing it.

A formula is a nested tuple, hashable, and so part of a kernel's identity:

- ``("in", k)``: input k; 0 is the product of a convolution, 1 and 2 are further feature maps
- ``("param", j)``: the j-th parameter of the channel
- ``("const", value)``
- ``(name, formula, ...)``: one of `FUNCTIONS`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from zqcnn_xp_llvm.codegen import vecmath
from zqcnn_xp_llvm.codegen.emitter import Address, Emitter, Value

__all__ = [
    "ACC",
    "FUNCTIONS",
    "Formula",
    "applied",
    "const",
    "emit",
    "inputs_of",
    "params_of",
    "substitute",
]

Formula: TypeAlias = tuple[Any, ...]
"""See the module's docstring."""

ACC: Formula = ("in", 0)


def const(value: float) -> Formula:
    """Return the formula of a constant."""
    return ("const", float(value))


def _relu(e: Emitter, x: Value) -> Value:
    # Written so that a NaN stays a NaN.
    zero = e.constant(0.0)
    return e.where("<", x, zero, zero, x)


def _prelu(e: Emitter, x: Value, slope: Value) -> Value:
    return e.where(">", x, e.constant(0.0), x, e.b.fmul(x, slope))


def _clip(e: Emitter, x: Value, low: Value, high: Value) -> Value:
    raised = e.where("<", x, low, low, x)
    return e.where(">", raised, high, high, raised)


def _elu(e: Emitter, x: Value, alpha: Value) -> Value:
    zero = e.constant(0.0)
    below = e.where(">", x, zero, zero, x)
    return e.where(">", x, zero, x, e.b.fmul(vecmath.expm1(e, below), alpha))


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "add": lambda e, a, b: e.b.fadd(a, b),
    "sub": lambda e, a, b: e.b.fsub(a, b),
    "mul": lambda e, a, b: e.b.fmul(a, b),
    "div": lambda e, a, b: e.b.fdiv(a, b),
    "fma": lambda e, a, b, c: e.fma(a, b, c),
    "max": lambda e, a, b: e.largest(a, b),
    "min": lambda e, a, b: e.smallest(a, b),
    "relu": _relu,
    "prelu": _prelu,
    "clip": _clip,
    "elu": _elu,
    "abs": lambda e, x: e.call("fabs", x),
    "sqrt": lambda e, x: e.call("sqrt", x),
    "exp": vecmath.exp,
    "sigmoid": vecmath.sigmoid,
    "tanh": vecmath.tanh,
    "softplus": vecmath.softplus,
}


def emit(
    e: Emitter,
    formula: Formula,
    inputs: Callable[[int], Value],
    params: Callable[[int], Value],
    known: dict[Formula, Value] | None = None,
) -> Value:
    """Write the instructions of a formula, each part once.

    Parameters
    ----------
    e
        Where to write.
    formula
        What to compute.
    inputs, params
        Return the vector of an input or parameter.
    known
        Parts that are there already; made anew for every element.
    """
    known = {} if known is None else known
    if formula in known:
        return known[formula]
    name, *rest = formula
    if name == "in":
        found = inputs(rest[0])
    elif name == "param":
        found = params(rest[0])
    elif name == "const":
        found = e.constant(rest[0])
    else:
        found = FUNCTIONS[name](e, *(emit(e, part, inputs, params, known) for part in rest))
    known[formula] = found
    return found


def _leaves(formula: Formula, kind: str) -> set[int]:
    if formula[0] == kind:
        return {formula[1]}
    if formula[0] in ("in", "param", "const"):
        return set()
    return set().union(*(_leaves(part, kind) for part in formula[1:]))


def inputs_of(formula: Formula) -> set[int]:
    """Return the numbers of the inputs that a formula reads.

    Examples
    --------
    >>> sorted(inputs_of(("add", ("in", 0), ("relu", ("in", 1)))))
    [0, 1]
    """
    return _leaves(formula, "in")


def params_of(formula: Formula) -> set[int]:
    """Return the numbers of the channel parameters that a formula reads."""
    return _leaves(formula, "param")


def substitute(
    formula: Formula,
    inputs: Callable[[int], Formula],
    params: Callable[[int], Formula] = lambda j: ("param", j),
) -> Formula:
    """Put formulas in the place of inputs and parameters.

    Examples
    --------
    >>> substitute(("relu", ("in", 0)), lambda k: ("add", ("in", k), ("in", 1)))
    ('relu', ('add', ('in', 0), ('in', 1)))
    """
    name, *rest = formula
    if name == "in":
        return inputs(rest[0])
    if name == "param":
        return params(rest[0])
    if name == "const":
        return formula
    return (name, *(substitute(part, inputs, params) for part in rest))


def applied(
    e: Emitter, formula: Formula, value: Value, res: Address, params: Mapping[int, Value]
) -> Value:
    """Apply a formula to a kernel's result: input 0 is that, input 1 lies at ``res``."""
    return emit(e, formula, lambda k: value if k == 0 else e.load(res), lambda j: params[j])
