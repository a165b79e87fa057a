"""The table of networks: our time as a share of each peer's, at batch 1 and at batch 32."""

from __future__ import annotations

from networks import CASES, QUICK, Case
from options import Options, progress

from zqcnn_xp.bench.pairs import Arena, Comparison, Side
from zqcnn_xp.bench.report import markdown

__all__ = ["batches", "nets"]

BATCH = 32
# What the backends without code of their own are to reach: backend -> (peer, share of its time).
OTHER_GOALS = {"numpy": ("onnxruntime", 1.0), "jax": ("openvino", 1.2)}


def nets(options: Options) -> str:
    """Return the table at the shapes of the rows."""
    cases = [case for case in CASES if not options.quick or case.name in QUICK]
    return _table(options, cases, None)


def batches(options: Options) -> str:
    """Return the table at batch 32: there it is images per second that count."""
    cases = [case for case in CASES if case.batched]
    return _table(options, cases[:1] if options.quick else cases, BATCH)


def _table(options: Options, cases: list[Case], batch: int | None) -> str:
    peers = [peer.name for peer in options.peers]
    columns = ["network", "backend", "ms, median (p10-p90)"]
    if batch:
        columns.append("images/s")
    columns += [f"/ {name}" for name in peers]
    columns += ["best peer, ms", "/ best (p10-p90)", "goal", ""]
    rows: list[list[str]] = []
    remarks: dict[str, list[str]] = {}
    rounds = options.rounds if batch is None else max(options.rounds // 4, 2)
    with Arena(options.backends, options.peers, threads=options.threads) as arena:
        for case in cases:
            progress(f"{case.name}{f', batch {batch}' if batch else ''}")
            found = arena.compare(
                case.network(options.data, batch),
                rounds=rounds,
                block_ms=options.block_ms,
                clock=options.clock,
            )
            for side in found.sides:
                if side.times is None and side.state != "missing":
                    words = f"{side.name}: {side.state}: {side.message}"
                    remarks.setdefault(words, []).append(case.name)
                if side.ours:
                    goal = _goal(case, side.name, options.threads, batch)
                    rows.append(_row(case, side, found, peers, goal, batch))
    lines = [markdown(columns, rows)]
    missing = [peer for peer in options.peers if not peer.installed]
    lines += [f"- {peer.name}: not installed: {peer.pip}" for peer in missing]
    lines += [f"- {words} ({'; '.join(names)})" for words, names in remarks.items()]
    return lines[0] + ("\n\n" + "\n".join(lines[1:]) if lines[1:] else "")


def _goal(case: Case, backend: str, threads: int, batch: int | None) -> tuple[str, float] | None:
    """Return whose time counts ("" for the best peer's) and the share of it that is aimed at."""
    if batch is not None:
        return ("", 1.0) if backend not in OTHER_GOALS else None
    if backend in OTHER_GOALS:
        return OTHER_GOALS[backend] if threads == 1 else None
    return "", case.goals[min(threads, 2) - 1]


def _row(
    case: Case,
    side: Side,
    found: Comparison,
    peers: list[str],
    goal: tuple[str, float] | None,
    batch: int | None,
) -> list[str]:
    ratios = found.ratios()
    best = found.best_peer()
    cells = [case.name, side.name, side.state if side.times is None else str(side.times)]
    if batch:
        cells.append("-" if side.times is None else f"{1e3 * batch / side.times.median:.0f}")
    pairs = [(side.name, name) for name in peers]
    cells += [f"{ratios[pair].median:.2f}" if pair in ratios else "-" for pair in pairs]
    if side.times is None or best is None or best.times is None:
        return [*cells, "-", "-", "-", ""]
    ratio = ratios[side.name, best.name]
    cells.append(f"{best.name} {best.times.median:.3g}")
    cells.append(f"{ratio.median:.2f} ({ratio.low:.2f}-{ratio.high:.2f})")
    if goal is None:
        return [*cells, "-", ""]
    peer, share = goal
    pair = (side.name, peer or best.name)
    words = f"<= {share:g}{f' of {peer}' if peer else ''}"
    if pair not in ratios:
        return [*cells, words, "-"]
    return [*cells, words, "met" if ratios[pair].median <= share else "missed"]
