"""Whether a network can run in 16 bits, and what that costs in accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from zqcnn_xp.backend import host_array
from zqcnn_xp.errors import InputError, PrecisionError
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Shape

if TYPE_CHECKING:
    from zqcnn_xp.session import Session

__all__ = ["Precision", "PrecisionReport", "PrecisionRow", "check_range", "report"]

Precision: TypeAlias = Literal["float32", "float16", "bfloat16"]

LARGEST: Mapping[str, float] = {"float16": 65504.0, "bfloat16": 3.3895e38, "float32": 3.4028e38}


@dataclass(frozen=True)
class PrecisionRow:
    """One output blob: its largest value in float32, and the error of the shorter type."""

    blob: str
    largest: float
    absolute: float
    relative: float


@dataclass(frozen=True)
class PrecisionReport:
    """What a shorter type costs on one input.

    Parameters
    ----------
    precision
        The session's.
    rows
        One an output: the largest error, absolute and as a share of the largest value.
    largest_activation, largest_at
        The largest magnitude inside the network in float32, and the value that holds it.
    limit
        The largest number of the type.
    """

    precision: str
    rows: tuple[PrecisionRow, ...]
    largest_activation: float
    largest_at: str
    limit: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, as for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        """Return one line an output."""
        lines = [
            f"{r.blob}: largest {r.largest:.4g}, error {r.absolute:.2e} ({r.relative:.2e})"
            for r in self.rows
        ]
        top = f"{self.largest_activation:.4g} at {self.largest_at!r}"
        return "\n".join([f"{self.precision} (up to {self.limit:.4g}; largest {top})", *lines])


def check_precision(name: str) -> Precision:
    """Refuse an unknown name.

    Raises
    ------
    InputError
        Listing those there are.
    """
    for known in get_args(Precision):
        if name == known:
            found: Precision = known
            return found
    msg = f"found precision {name!r}, expected one of {', '.join(get_args(Precision))}"
    raise InputError(msg)


def sample_input(graph: Graph, seed: int = 0) -> dict[str, Any]:
    """Return seeded values in [-1, 1], as normalised images have, at sizes the graph admits."""
    rng = np.random.default_rng(seed)
    found = {}
    for source in graph.inputs:
        nominal: Shape = source.nominal or ()
        sizes = []
        for axis, size in enumerate(source.shape):
            named = nominal[axis] if axis < len(nominal) else 0
            sizes.append(size or (1 if axis == 0 else named or 64))
        found[source.name] = rng.uniform(-1, 1, sizes).astype(np.float32)
    return found


def _exact(graph: Graph, fold: bool) -> Session:
    from zqcnn_xp.session import Session

    return Session(graph, "numpy", fold=fold)


def magnitudes(exact: Session, x: Any) -> dict[str, float]:
    """Return the largest magnitude of every value that a NumPy session computes on its way."""
    plan = exact.plan(exact.graph.outputs)
    # The folded graph itself, with all its values as outputs, is what has to fit.
    host = {value for node in plan.host_nodes for value in node.outputs}
    made = [value for node in plan.graph.nodes for value in node.outputs if value not in host]
    if not made:
        return {}
    given = exact.given(x, plan.graph)
    with np.errstate(all="ignore"):
        found = _exact(plan.graph, False)({n: host_array(a) for n, a in given.items()}, made)
    return {name: float(np.abs(y).max(initial=0.0)) for name, y in found.items()}


def check_range(graph: Graph, fold: bool, precision: Precision, x: Any = None) -> None:
    """Refuse a network whose weights or activations a type cannot hold.

    Parameters
    ----------
    graph, fold
        As a session has them.
    precision
        The type.
    x
        Input that the activations are measured on; None takes `sample_input`.

    Raises
    ------
    PrecisionError
        Naming the value, its size and the limit.
    """
    limit = LARGEST[precision]
    exact = _exact(graph, fold)
    tops = {
        f"{node.label}: its {name}": float(np.abs(w).max(initial=0.0))
        for node in exact.plan(graph.outputs).graph.nodes
        for name, w in node.weights.items()
    }
    sample = sample_input(graph) if x is None else x
    tops |= {f"value {name!r}": top for name, top in magnitudes(exact, sample).items()}
    for what, top in tops.items():
        # Written so that a NaN is refused, too.
        if not top <= limit:
            msg = (
                f"{what} reaches {top:.4g}, which {precision} (up to {limit:.4g}) cannot hold; "
                "run the network in float32 or bfloat16"
            )
            raise PrecisionError(msg)


def report(session: Session, x: Any) -> PrecisionReport:
    """Compare a session with the same network in float32 on one input."""
    from zqcnn_xp.session import Session

    exact = Session(session.graph, session.backend.with_dtype("float32"), fold=session.fold)(x)
    found = session(x)
    rows = []
    for name, y in exact.items():
        want = np.asarray(session.backend.to_numpy(y), np.float64)
        have = np.asarray(session.backend.to_numpy(found[name]), np.float64)
        top = float(np.abs(want).max(initial=0.0))
        error = float(np.abs(want - have).max(initial=0.0)) if want.shape == have.shape else np.inf
        rows.append(PrecisionRow(name, top, error, error / top if top else 0.0))
    sizes = magnitudes(_exact(session.graph, session.fold), x)
    at = max(sizes, key=lambda name: sizes[name], default="")
    return PrecisionReport(
        session.precision, tuple(rows), sizes.get(at, 0.0), at, LARGEST[session.precision]
    )
