"""Elementary functions of vectors, written out as polynomials.

The exponential and the logarithm follow the ranges and minimax coefficients of Cephes
(S. Moshier), whose errors are below 2 units in the last place of float32; the rest is built on
them, with errors below 4 units. Denormal results are flushed to zero.
"""

from __future__ import annotations

from zqcnn_xp_llvm.codegen.emitter import Emitter, Value

__all__ = ["exp", "expm1", "log1p", "sigmoid", "softplus", "tanh"]

_LOG2E = 1.44269504088896341
# log(2) in two parts, the first short enough for its multiples to be exact.
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4
_EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.5)
_LOG = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
_LARGEST, _SMALLEST = 88.722839, -87.336544


def exp(e: Emitter, x: Value) -> Value:
    """Return ``e ** x``: infinity above 88.72, 0 below -87.33, NaN for NaN."""
    # The order of the operands lets a NaN through.
    low, high = e.constant(_SMALLEST), e.constant(_LARGEST)
    clipped = e.where("<", x, low, low, e.where(">", x, high, high, x))
    n = e.nearest(e.b.fmul(clipped, e.constant(_LOG2E)))
    rest = e.fma(n, e.constant(-_LN2_HIGH), clipped)
    rest = e.fma(n, e.constant(-_LN2_LOW), rest)
    y = e.constant(_EXP[0])
    for coefficient in _EXP[1:]:
        y = e.fma(y, rest, e.constant(coefficient))
    y = e.fma(y, e.b.fmul(rest, rest), e.b.fadd(rest, e.constant(1.0)))
    # n reaches 128, whose power alone is too large for a float: half of it goes in twice.
    whole = e.b.fptosi(n, e.words)
    half = e.b.ashr(whole, e.word(1))
    y = e.b.fmul(e.b.fmul(y, _power(e, half)), _power(e, e.b.sub(whole, half)))
    y = e.where(">", x, high, e.constant(float("inf")), y)
    return e.where("<", x, low, e.constant(0.0), y)


def _power(e: Emitter, n: Value) -> Value:
    """Return ``2 ** n`` for integers that a float's exponent can hold."""
    bits = e.b.shl(e.b.add(n, e.word(127)), e.word(23))
    return e.b.bitcast(bits, e.vector)


def _log(e: Emitter, x: Value) -> Value:
    """Return the natural logarithm of normal positive numbers."""
    bits = e.b.bitcast(x, e.words)
    exponent = e.b.sub(e.b.lshr(bits, e.word(23)), e.word(126))
    mantissa = e.b.bitcast(
        e.b.or_(e.b.and_(bits, e.word(0x7FFFFF)), e.word(0x3F000000)), e.vector
    )  # in [0.5, 1)
    small = e.b.fcmp_ordered("<", mantissa, e.constant(0.70710678))
    m = e.b.select(small, e.b.fadd(mantissa, mantissa), mantissa)
    m = e.b.fsub(m, e.constant(1.0))
    n = e.b.sitofp(e.b.select(small, e.b.sub(exponent, e.word(1)), exponent), e.vector)
    z = e.b.fmul(m, m)
    y = e.constant(_LOG[0])
    for coefficient in _LOG[1:]:
        y = e.fma(y, m, e.constant(coefficient))
    y = e.b.fmul(e.b.fmul(y, m), z)
    y = e.fma(n, e.constant(_LN2_LOW), y)
    y = e.fma(z, e.constant(-0.5), y)
    return e.fma(n, e.constant(_LN2_HIGH), e.b.fadd(m, y))


def log1p(e: Emitter, x: Value) -> Value:
    """Return ``log(1 + x)`` for x in [0, 1]."""
    # 1 + x loses the end of a small x: the quotient puts it back (W. Kahan).
    u = e.b.fadd(e.constant(1.0), x)
    rest = e.b.fsub(u, e.constant(1.0))
    exact = e.b.fcmp_ordered("==", rest, e.constant(0.0))
    safe = e.b.select(exact, e.constant(1.0), rest)
    y = e.b.fdiv(e.b.fmul(_log(e, u), x), safe)
    return e.b.select(exact, x, y)


def sigmoid(e: Emitter, x: Value) -> Value:
    """Return ``1 / (1 + exp(-x))``."""
    # 1 / (1 + infinity) is the 0 that is wanted.
    grown = exp(e, e.b.fsub(e.constant(-0.0), x))
    return e.b.fdiv(e.constant(1.0), e.b.fadd(e.constant(1.0), grown))


def softplus(e: Emitter, x: Value) -> Value:
    """Return ``log(1 + exp(x))`` without overflow."""
    zero = e.constant(0.0)
    positive = e.where("<", x, zero, zero, x)
    size = e.call("fabs", x)
    return e.b.fadd(positive, log1p(e, exp(e, e.b.fsub(e.constant(-0.0), size))))


def tanh(e: Emitter, x: Value) -> Value:
    """Return the hyperbolic tangent."""
    size = e.call("fabs", x)
    grown = exp(e, e.b.fmul(size, e.constant(-2.0)))
    one = e.constant(1.0)
    far = e.b.fdiv(e.b.fsub(one, grown), e.b.fadd(one, grown))
    # Near 0 the difference of nearly equal numbers loses digits: the odd polynomial of Cephes.
    z = e.b.fmul(x, x)
    y = e.constant(-5.70498872745e-3)
    for coefficient in (2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1):
        y = e.fma(y, z, e.constant(coefficient))
    near = e.fma(e.b.fmul(y, z), size, size)
    value = e.where("<", size, e.constant(0.625), near, far)
    return e.call("copysign", value, x)


def expm1(e: Emitter, x: Value) -> Value:
    """Return ``exp(x) - 1`` for x of 0 or less."""
    # tanh is exact near 0, where the difference is not: exp(x) - 1 = 2 t / (1 - t), t = tanh(x/2).
    t = tanh(e, e.b.fmul(x, e.constant(0.5)))
    near = e.b.fdiv(e.b.fadd(t, t), e.b.fsub(e.constant(1.0), t))
    far = e.b.fsub(exp(e, x), e.constant(1.0))
    return e.where(">", x, e.constant(-1.0), near, far)
