"""``zqcnn-xp bench``: a network's time on our backends and on other runtimes."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import Commands, parse_shapes, positive_int
from zqcnn_xp.cli.info import add_model, add_shapes, model_options
from zqcnn_xp.cli.networks import read_network
from zqcnn_xp.cli.output import note, print_json, print_table
from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from zqcnn_xp.bench.network import Network
    from zqcnn_xp.bench.pairs import Comparison
    from zqcnn_xp.bench.peers import Peer

__all__ = ["add", "bench"]

_ROUNDS, _QUICK_ROUNDS = 12, 3
_BLOCK_MS, _QUICK_BLOCK_MS = 40.0, 20.0


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = commands.add_parser(
        "bench",
        parents=[common],
        help="time a network on our backends and on other runtimes",
        description="Time one network. Other runtimes get it as the ONNX or ncnn file that "
        "'convert' writes. Outputs are compared before anything is timed; all compute in float32, "
        "with equal threads, pinned to as many processors, in turns. A ratio below 1 means that "
        "ours is quicker. --backend takes a list here: llvm,numpy,jax. --threads is that of every "
        "side, 1 where it is not given.",
    )
    add_model(parser)
    add_shapes(parser)
    parser.add_argument(
        "--against",
        metavar="NAME,...",
        help="openvino, ncnn, onnxruntime, opencv, mnn, or none; default: those installed",
    )
    parser.add_argument(
        "--rounds",
        type=positive_int,
        metavar="N",
        help=f"turns of every side; default: {_ROUNDS}, with --quick {_QUICK_ROUNDS}",
    )
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: processor time, which with one thread holds on a busy machine, too",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the input; default: 0")
    parser.add_argument("--quick", action="store_true", help="rough figures, within a minute")
    parser.set_defaults(run=bench)


def bench(args: argparse.Namespace) -> int:
    """Time the network; 1 where one of our backends could not be timed."""
    from zqcnn_xp.bench.timing import pinned

    threads = args.threads or 1
    if args.clock == "cpu" and threads > 1:
        msg = f"found --clock cpu with {threads} threads, expected 1: it adds them up"
        raise InputError(msg)
    with pinned(threads) as held:
        return _pinned(args, threads, held=held)


def _pinned(args: argparse.Namespace, threads: int, *, held: bool) -> int:
    from zqcnn_xp.bench.machine import machine
    from zqcnn_xp.bench.pairs import Arena

    peers = _peers(args.against)
    backends = _backends(args)
    network = _network(args)
    rounds = args.rounds or (_QUICK_ROUNDS if args.quick else _ROUNDS)
    with Arena(backends, peers, threads=threads, device=args.device) as arena:
        found = arena.compare(
            network,
            rounds=rounds,
            block_ms=_QUICK_BLOCK_MS if args.quick else _BLOCK_MS,
            clock=args.clock,
        )
    here = machine([peer.package for peer in peers])
    failed = [side for side in found.sides if side.ours and side.times is None]
    if args.json:
        from zqcnn_xp.bench.report import document

        print_json(
            {
                "model": str(args.model),
                "shapes": {name: list(shape) for name, shape in network.shapes.items()},
                "threads": threads,
                "pinned": held,
                "clock": args.clock,
                "rounds": rounds,
                "machine": asdict(here),
                **document(found),
            }
        )
    else:
        _print(args, network, found, threads)
        print(here)
    if not held:
        note("this system pins no process to processors: threads are equal in number only")
    for side in failed:
        note(f"error: {side.name}: {side.message}")
    return 1 if failed else 0


def _peers(text: str | None) -> tuple[Peer, ...]:
    from zqcnn_xp.bench.peers import PEERS, find_peers

    if text is None:
        return tuple(peer for peer in PEERS.values() if peer.installed)
    names = [name.strip() for name in text.split(",") if name.strip()]
    return () if names == ["none"] else find_peers(names)


def _backends(args: argparse.Namespace) -> list[str]:
    """Return the names of our backends: those asked for, or the configured one."""
    from zqcnn_xp.registry import get_backend, list_backends

    if args.backend is None:
        return [get_backend(device=args.device).name]
    names = [name.strip() for name in args.backend.split(",") if name.strip()]
    known = [item.name for item in list_backends()]
    for name in names:
        if name not in known:
            msg = f"found backend {name!r}, expected some of {', '.join(known)}"
            raise InputError(msg)
    if args.device is not None and len(names) > 1:
        msg = f"found --device with {len(names)} backends, expected one: devices are a backend's"
        raise InputError(msg)
    return names


def _network(args: argparse.Namespace) -> Network:
    from zqcnn_xp.bench.network import sample

    graph = read_network(args.model, args.weights, args.input_size, **model_options(args))
    names = [source.name for source in graph.inputs]
    shapes = {**(graph.nominal_shapes or {}), **parse_shapes(args.shape, names)}
    for name in names:
        if name not in shapes:
            msg = f"{args.model}: names no sizes for input {name!r}, expected --shape N,C,H,W"
            raise InputError(msg)
    graph.shapes(shapes)  # a shape that it does not admit is named here
    network = sample(graph, shapes, seed=args.seed)
    left_out = [value for value in graph.outputs if value not in network.graph.outputs]
    if left_out:
        note(f"timed without {', '.join(left_out)}: decoding boxes is no part of the network")
    return network


def _print(args: argparse.Namespace, network: Network, found: Comparison, threads: int) -> None:
    from zqcnn_xp.bench.report import cells, head, verdicts

    shapes = ", ".join(
        f"{name} {' x '.join(map(str, shape))}" for name, shape in network.shapes.items()
    )
    columns = head(found)
    rows: list[Any] = [cells(found, side) for side in found.sides]
    count = f"{threads} thread{'s' * (threads > 1)}"
    title = f"{args.model}: {shapes}; {count}, float32, {args.clock} clock"
    print_table(columns, rows, title=title, right=columns[1:])
    for line in verdicts(found):
        print(line)
