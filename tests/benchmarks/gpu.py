"""The table on a CUDA device: time, the card's own limit, and the cost of a launch."""

from __future__ import annotations

import subprocess

from networks import CASES, Case
from options import Options, progress

from zqcnn_xp.bench.network import Network, sample
from zqcnn_xp.bench.pairs import Arena
from zqcnn_xp.bench.peers import GPU_PEERS
from zqcnn_xp.bench.report import markdown
from zqcnn_xp.formats import read_graph
from zqcnn_xp.graph import Graph
from zqcnn_xp.report import info

__all__ = ["gpu"]

BACKENDS = ("cupy", "jax")
BATCHES = (1, 256)
EMPTY = b"Input name=data C=1 H=1 W=1\nReLU name=r bottom=data top=out"


def gpu(options: Options) -> str:
    """Return the table, with the card's name; arrays stay on the device."""
    card = _card()
    if card is None:
        return "No CUDA device here: not measured."
    flops, bandwidth = _limits()
    cases = [case for case in CASES if case.batched]
    peers = list(GPU_PEERS.values())
    names = [*BACKENDS, *GPU_PEERS]
    rows, remarks = [], []
    with Arena(BACKENDS, peers, threads=options.threads, resident=True) as arena:

        def row(title: str, network: Network, batch: int, floor_ms: float | None) -> None:
            progress(f"GPU: {title}, batch {batch}")
            found = arena.compare(
                network, rounds=max(options.rounds // 2, 2), block_ms=options.block_ms
            )
            sides = {side.name: side for side in found.sides}
            cells = [title, str(batch)]
            for name in names:
                times = sides[name].times
                cells.append(sides[name].state if times is None else str(times))
                if sides[name].message:
                    remarks.append(f"- {title}, {name}: {sides[name].message}")
            ours = [sides[name].times for name in BACKENDS]
            best = min((times.median for times in ours if times is not None), default=None)
            if floor_ms is None or best is None:
                rows.append([*cells, "-", "-"])
            else:
                rows.append([*cells, f"{floor_ms:.3g}", f"{100 * floor_ms / best:.0f} %"])

        row(
            "one activation (a launch)",
            sample(read_graph(EMPTY, b""), {"data": (1, 1, 1, 1)}),
            1,
            None,
        )
        for case in cases[:2] if options.quick else cases:
            for batch in BATCHES:
                network = case.network(options.data, batch)
                row(
                    case.name,
                    network,
                    batch,
                    _floor_ms(network.graph, case, batch, flops, bandwidth),
                )
    head = ["network", "batch", *(f"{name} ms" for name in names), "roofline ms", "best of ours"]
    text = (
        f"{card}; {flops / 1e12:.1f} Tflop/s in a float32 product of 8192 x 8192 matrices, "
        f"{bandwidth / 1e9:.0f} GB/s in a copy, as CuPy measures them. TF32 is off on all sides."
        "\n\n"
        f"{markdown(head, rows)}"
    )
    return text + ("\n\n" + "\n".join(dict.fromkeys(remarks)) if remarks else "")


def _card() -> str | None:
    """Return the card's name and driver, or None where there is none that CuPy can use."""
    try:
        import cupy

        if not cupy.cuda.runtime.getDeviceCount():
            return None
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=True,
        )
    except Exception:  # no package, no driver, no device, no tool
        return None
    return done.stdout.splitlines()[0]


def _limits() -> tuple[float, float]:
    """Measure what the card gives: flop/s of a large float32 product, bytes/s of a copy."""
    import cupy

    side = 8192
    a = cupy.ones((side, side), cupy.float32)
    product = _seconds(cupy, lambda: cupy.matmul(a, a))
    source = cupy.ones(1 << 28, cupy.float32)
    target = cupy.empty_like(source)
    copied = _seconds(cupy, lambda: cupy.copyto(target, source))
    return 2 * side**3 / product, 2 * source.nbytes / copied


def _seconds(cupy, run) -> float:
    """Return the least seconds of some runs, by the device's own clock."""
    best = float("inf")
    for _ in range(6):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        run()
        end.record()
        end.synchronize()
        best = min(best, cupy.cuda.get_elapsed_time(start, end) / 1e3)
    return best


def _floor_ms(graph: Graph, case: Case, batch: int, flops: float, bandwidth: float) -> float:
    """Return the roofline: the slower of computing and of moving what has to move.

    Weights, inputs and outputs are moved once: what lies between may stay on the chip.
    """
    name = graph.inputs[0].name
    shapes = {name: (batch, *case.shape[1:])}
    found = info(graph, shapes)
    sizes = graph.shapes(shapes)
    moved = found.weight_bytes
    for value in (name, *graph.outputs):
        count = 4
        for size in sizes[value]:
            count *= size
        moved += count
    return 1e3 * max(2 * (found.muladds or 0) / flops, moved / bandwidth)
