"""Files of every format that can be written: which there are, and writing them whole or not at all.

A writer turns a graph into the bytes of one or two files. A new format is one function and one
line of `WRITERS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from secrets import token_hex
from typing import TypeAlias

from zqcnn_xp.errors import InputError
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Shape

__all__ = ["WRITERS", "Writer", "find_writer", "target_paths", "write_graph"]

Shapes: TypeAlias = Mapping[str, Shape] | None


@dataclass(frozen=True)
class Writer:
    """How one format is written.

    Parameters
    ----------
    name
        The format's, as its reader's.
    suffixes
        Of the model's file and, where there are two, of that with the weights.
    encode
        ``(graph, shapes, fp16) -> bytes of each file``.
    """

    name: str
    suffixes: tuple[str, ...]
    encode: Callable[[Graph, Shapes, bool], tuple[bytes, ...]]


def _zqcnn(graph: Graph, shapes: Shapes, fp16: bool) -> tuple[bytes, ...]:
    from zqcnn_xp.formats.zqcnn.writer import to_zqcnn

    if fp16:
        msg = "found fp16=True for zqcnn, whose weights are float32; expected onnx, ncnn, "
        raise InputError(msg + "safetensors or code")
    return to_zqcnn(graph, shapes)


def _onnx(graph: Graph, shapes: Shapes, fp16: bool) -> tuple[bytes, ...]:
    from zqcnn_xp.formats.onnx.half import half_weights
    from zqcnn_xp.formats.onnx.writer import to_onnx

    data = to_onnx(graph, shapes)
    return (half_weights(data) if fp16 else data,)


def _ncnn(graph: Graph, shapes: Shapes, fp16: bool) -> tuple[bytes, ...]:
    from zqcnn_xp.formats.ncnn.writer import to_ncnn

    return to_ncnn(graph, shapes, fp16)


def _safetensors(graph: Graph, shapes: Shapes, fp16: bool) -> tuple[bytes, ...]:
    from io import BytesIO

    from zqcnn_xp.formats.safetensors.writer import to_safetensors

    file = BytesIO()
    to_safetensors(_sized(graph, shapes), file, fp16=fp16)
    return (file.getvalue(),)


def _code(graph: Graph, shapes: Shapes, fp16: bool) -> tuple[bytes, ...]:
    from zqcnn_xp.formats.code import to_code

    return (to_code(_sized(graph, shapes), fp16=fp16).encode("ascii"),)


def _sized(graph: Graph, shapes: Shapes) -> Graph:
    """Return the graph with these sizes as those that its file names."""
    if not shapes:
        return graph
    graph.shapes(shapes)
    return replace(graph, inputs=tuple(replace(s, nominal=shapes[s.name]) for s in graph.inputs))


WRITERS: Mapping[str, Writer] = {
    writer.name: writer
    for writer in (
        Writer("zqcnn", (".zqparams", ".nchwbin"), _zqcnn),
        Writer("onnx", (".onnx",), _onnx),
        Writer("ncnn", (".param", ".bin"), _ncnn),
        Writer("safetensors", (".safetensors",), _safetensors),
        Writer("code", (".py",), _code),
    )
}
"""The formats that can be written, by name."""


def find_writer(path: str | os.PathLike[str], format: str | None = None) -> Writer:
    """Return the writer of a format, which the file's name tells where it is not given.

    Raises
    ------
    InputError
        If there is no such format, or the name tells none.

    Examples
    --------
    >>> find_writer("net.param").name, find_writer("net.bin", "code").name
    ('ncnn', 'code')
    """
    if format is not None:
        if format not in WRITERS:
            near = get_close_matches(format, WRITERS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            msg = f"found format {format!r}, expected one of {', '.join(WRITERS)}{hint}"
            raise InputError(msg)
        return WRITERS[format]
    suffix = Path(path).suffix.lower()
    for writer in WRITERS.values():
        if suffix == writer.suffixes[0]:
            return writer
    known = ", ".join(writer.suffixes[0] for writer in WRITERS.values())
    msg = f"{path}: found the suffix {suffix!r}, expected one of {known}, or a format"
    raise InputError(msg)


def target_paths(path: str | os.PathLike[str], writer: Writer) -> tuple[Path, ...]:
    """Return the files that a model takes: the one named, and its weights beside it.

    Examples
    --------
    >>> [str(path) for path in target_paths("out/net.v2.zqparams", WRITERS["zqcnn"])]
    ['out/net.v2.zqparams', 'out/net.v2.nchwbin']
    """
    model = Path(path)
    stem = model.stem if model.suffix.lower() == writer.suffixes[0] else model.name
    return (model, *(model.with_name(stem + suffix) for suffix in writer.suffixes[1:]))


def write_graph(
    graph: Graph,
    path: str | os.PathLike[str] | tuple[str | os.PathLike[str], ...],
    format: str | None = None,
    *,
    shapes: Shapes = None,
    fold: bool = False,
    fp16: bool = False,
    sources: Iterable[str | os.PathLike[str]] = (),
) -> tuple[Path, ...]:
    r"""Write a network into files of a format.

    Parameters
    ----------
    graph
        The network.
    path
        Where the model goes; a format of two files puts the weights beside it. A pair names both.
    format
        One of `WRITERS`; None tells it from the name.
    shapes
        Logical shape of each input, for a network of that size; None leaves free what is free.
    fold
        Merge batch normalisation and activations into the products before them first; exact.
    fp16
        Keep kernels and matrices in float16: half the size, each rounded to 11 bits.
    sources
        Files that the network came from, which are never overwritten.

    Returns
    -------
    tuple of Path
        The files. All of them are complete before the first appears under its name.

    Raises
    ------
    GraphError
        If the format cannot say what a node does; names the node.
    InputError
        If a file to write is one of ``sources``, or the format is unknown.
    OSError
        If a file cannot be written; names it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from zqcnn_xp.formats import read_graph
    >>> graph = read_graph(b"Input name=x C=1\nReLU name=r bottom=x top=y", b"")
    >>> with TemporaryDirectory() as folder:
    ...     [file.name for file in write_graph(graph, f"{folder}/net.zqparams")]
    ['net.zqparams', 'net.nchwbin']
    """
    first = path[0] if isinstance(path, tuple) else path
    writer = find_writer(first, format)
    paths = tuple(map(Path, path)) if isinstance(path, tuple) else target_paths(path, writer)
    if len(paths) != len(writer.suffixes):
        expected = " and ".join(writer.suffixes)
        msg = f"found {len(paths)} files to write, expected {len(writer.suffixes)}: {expected}"
        raise InputError(msg)
    _refuse_sources(paths, sources)
    if fold:
        from zqcnn_xp.passes import optimize

        graph = optimize(graph)
    _replace_all(paths, writer.encode(graph, shapes, fp16))
    return paths


def _refuse_sources(paths: Iterable[Path], sources: Iterable[str | os.PathLike[str]]) -> None:
    given = [Path(source) for source in sources]
    seen: set[Path] = set()
    for path in paths:
        place = path.resolve()
        for source in given:
            # Links and letter cases may hide that two names mean one file.
            same = path.exists() and source.exists() and path.samefile(source)
            if same or place == source.resolve():
                msg = f"{path}: found the source itself, expected another file to write"
                raise InputError(msg)
        if place in seen:
            msg = f"{path}: found the same file twice, expected one for each part"
            raise InputError(msg)
        seen.add(place)


def _replace_all(paths: tuple[Path, ...], contents: tuple[bytes, ...]) -> None:
    """Write every file beside its place, then rename them, the model last."""
    made: list[tuple[Path, Path]] = []
    try:
        for path, data in zip(paths, contents, strict=True):
            part = path.with_name(f".{path.name[:80]}.{token_hex(4)}.part")
            with _naming(path), part.open("xb") as file:
                made.append((path, part))
                file.write(data)
        for path, part in reversed(made):
            with _naming(path):
                part.replace(path)
    finally:
        for _, part in made:
            part.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an operating system's error name the file that was meant."""
    try:
        yield
    except OSError as error:
        msg = f"{path}: cannot be written: {error.strerror}"
        raise OSError(error.errno, msg) from error
