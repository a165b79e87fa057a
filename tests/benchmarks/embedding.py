"""The table of embedding: faces a second, from pixels, beside ONNX Runtime on the same network."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from options import Options, progress

from zqcnn_xp.bench.network import Network
from zqcnn_xp.bench.report import markdown
from zqcnn_xp.bench.timing import Call, Turns, take_turns
from zqcnn_xp.formats import read_graph
from zqcnn_xp.passes import optimize
from zqcnn_xp.pipelines.embedding import Embedder
from zqcnn_xp.vision.io import read_image

__all__ = ["embedding"]

BATCH = 32
FACES, QUICK_FACES = 1024, 64
GOAL = 0.8
"""Share of ONNX Runtime's speed that is aimed at."""
PEER = "onnxruntime"

Run = Callable[[], np.ndarray]


def embedding(options: Options) -> str:
    """Return the table: all of a set of crops, as uint8, to embeddings."""
    folder = options.data / "mxnet" / "mobilefacenet"
    files = (folder / "model-symbol.json", folder / "model-0000.params")
    crops = np.stack(list(_crops(options.data, QUICK_FACES if options.quick else FACES)))
    ours = {
        name: Embedder(*files, backend=name, threads=options.threads, recipe="mobilefacenet-mxnet")
        for name in options.backends
    }
    sides: dict[str, Run] = {name: lambda one=one: one.embed(crops) for name, one in ours.items()}  # type: ignore[misc]
    remarks = []
    if any(peer.name == PEER and peer.installed for peer in options.peers):
        run, prepared = _onnxruntime(files, options.threads)
        x = _floats(crops)
        sides[PEER] = lambda: prepared(x)
        sides[f"{PEER}, from pixels"] = lambda: run(crops)
    else:
        remarks.append(f"{PEER} is not here: nothing to compare with.")
    batches = {name: one.batch for name, one in ours.items()}
    rows = _rows(options, sides, batches, crops, _turns(options, sides))
    columns = ["side", "faces/s", "ms a face", "batch", f"speed / {PEER}", "goal", ""]
    columns += ["largest difference", "least cosine"]
    remarks.insert(
        0,
        f"{len(crops):,} crops of 112 x 112. {PEER} alone is given float arrays that were made "
        "before the clock ran; `from pixels` makes them as it goes, as all of ours do.",
    )
    if not options.quick and ours:
        remarks.append(_whole(options, *next(iter(ours.items()))))
    return "\n\n".join([markdown(columns, rows), *remarks])


def _crops(data: Path, count: int | None) -> Iterator[np.ndarray]:
    """Yield the first crops of LFW, or all."""
    with zipfile.ZipFile(data / "lfw" / "lfw-112x112.zip") as archive:
        for name in archive.namelist()[:count]:
            yield read_image(archive.read(name))


def _floats(crops: np.ndarray) -> np.ndarray:
    """Return what the network takes, as others lay it out; it subtracts and scales by itself."""
    return np.ascontiguousarray(crops.transpose(0, 3, 1, 2), np.float32)


def _onnxruntime(files: tuple[Path, Path], threads: int) -> tuple[Callable, Callable]:
    """Return functions from crops, and from prepared floats, to embeddings."""
    import onnxruntime

    graph = optimize(read_graph(*files))
    name = graph.inputs[0].name
    model = Network(graph, {name: np.zeros((BATCH, 3, 112, 112), np.float32)}).onnx
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])

    def prepared(x: np.ndarray) -> np.ndarray:
        starts = range(0, len(x), BATCH)
        return np.concatenate([session.run(None, {name: x[k : k + BATCH]})[0] for k in starts])

    def run(crops: np.ndarray) -> np.ndarray:
        starts = range(0, len(crops), BATCH)
        return np.concatenate([prepared(_floats(crops[k : k + BATCH])) for k in starts])

    return run, prepared


def _turns(options: Options, sides: dict[str, Run]) -> Turns:
    progress("embedding: " + ", ".join(sides))
    calls = {name: Call(run) for name, run in sides.items()}
    rounds = 2 if options.quick else max(options.rounds // 3, 3)
    return take_turns(calls, rounds=rounds, block_ms=1, clock=options.clock)


def _rows(
    options: Options,
    sides: dict[str, Run],
    batches: dict[str, int],
    crops: np.ndarray,
    turns: Turns,
) -> list[list[str]]:
    found = {name: run() for name, run in sides.items()}
    reference = found.get(PEER, next(iter(found.values())))
    rows = []
    for name, features in found.items():
        one = turns.timed(name).median / len(crops)
        row = [name, f"{1e3 / one:.0f}", f"{one:.2f}", str(batches.get(name, BATCH))]
        if PEER not in sides:
            row += ["-", "-", ""]
        else:
            # Times are compared round by round; a speed is the inverse of a time.
            speed = 1 / turns.ratio(name, PEER).median
            row.append(f"{speed:.2f}")
            ours = name in options.backends
            met = "met" if speed >= GOAL else "missed"
            row += [f">= {GOAL:g}", met] if ours and name != "jax" else ["-", ""]
        lengths = np.linalg.norm(features, axis=1) * np.linalg.norm(reference, axis=1)
        cosine = float((np.sum(features * reference, axis=1) / lengths).min())
        row += [f"{float(np.abs(features - reference).max()):.1e}", f"{cosine:.7f}"]
        rows.append(row)
    return rows


def _whole(options: Options, name: str, embedder: Embedder) -> str:
    """Embed the whole of LFW from its JPEGs, decoded as they are needed."""
    progress("embedding: all of LFW")
    start = time.perf_counter()
    rows = embedder.embed(_crops(options.data, None))
    seconds = time.perf_counter() - start
    speed = len(rows) / seconds
    return f"All {len(rows):,} from their JPEGs on {name}: {seconds:.1f} s, {speed:.0f} faces/s."
