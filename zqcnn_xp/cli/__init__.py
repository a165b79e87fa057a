"""The command ``zqcnn-xp``: one file a sub-command.

Every sub-command module has ``add(commands, common)``, which describes its arguments, and a
function ``(args) -> int`` that does the work and imports what it needs, so that ``--help`` stays
quick. Results go to standard output (with ``--json`` exactly one JSON document), everything else to
standard error.

Exit codes: 0 all went well; 1 something failed, or some of the inputs did; 2 wrong usage or
configuration; 130 interrupted.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn, TextIO

__all__ = ["main"]

# Objects that are made until garbage is looked for; all imports of a detection make half of them.
_NEW_OBJECTS = 300_000

COMMANDS = (
    "detect",
    "embed",
    "verify",
    "align",
    "eval",
    "run",
    "info",
    "convert",
    "diff",
    "bench",
    "backends",
    "models",
    "gallery",
    "demo",
)

OK, FAILED, USAGE, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141


class _Version(argparse.Action):
    """Print the version, looked up only now: that reads package metadata."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"zqcnn-xp {version('zqcnn-xp')}")
        parser.exit()


def _parser(document: bool) -> type[argparse.ArgumentParser]:
    """Return a parser that says what is wrong with arguments as a JSON document, too, if asked."""

    class Parser(argparse.ArgumentParser):  # sub-commands' parsers are of the same class
        def error(self, message: str) -> NoReturn:
            if document:
                from zqcnn_xp.cli.output import print_json

                print_json({"error": message})
            super().error(message)

    return Parser


def build_parser(command: str | None = None, *, document: bool = False) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Parameters
    ----------
    command
        The one sub-command to describe, which spares the import of the others; None, or what is
        none, describes all.
    document
        Print wrong usage as a JSON document, too.
    """
    from zqcnn_xp.cli.arguments import exit_codes, positive_int

    common = argparse.ArgumentParser(add_help=False)
    group = common.add_argument_group("common options")
    group.add_argument(
        "--backend", metavar="NAME", help="llvm, numpy, jax, cupy, ...; default: auto"
    )
    group.add_argument("--device", metavar="NAME", help="a device of that backend, such as gpu:0")
    group.add_argument(
        "--threads",
        type=positive_int,
        metavar="N",
        help="CPU threads to use; default: what affinity, quota and OMP_NUM_THREADS allow",
    )
    group.add_argument(
        "--json", action="store_true", help="print one JSON document instead of tables"
    )
    group.add_argument("--debug", action="store_true", help="show tracebacks of errors")

    parser = _parser(document)(
        prog="zqcnn-xp",
        description="Small vision networks on NumPy, JAX, CuPy or generated machine code (llvm), "
        "and what is done with faces on top: detection, recognition, search, evaluation.",
        epilog=exit_codes(),
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in (command,) if command in COMMANDS else COMMANDS:
        import_module(f"zqcnn_xp.cli.{name}").add(commands, common)
    return parser


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning as one line; its place in the library's source tells a user nothing."""
    print(f"warning: {message}", file=sys.stderr)


def _fail(args: argparse.Namespace, message: str, code: int) -> int:
    """Report an error that ended the command."""
    print(f"error: {message}", file=sys.stderr)
    if args.json:
        from zqcnn_xp.cli.output import print_json

        print_json({"error": message})
    return code


def _run(args: argparse.Namespace) -> int:
    """Run one sub-command, turning what it raises into a line and an exit code."""
    from zqcnn_xp.config import arguments
    from zqcnn_xp.errors import ConfigError, InputError, ZqcnnError

    try:
        with arguments(threads=args.threads):
            code = int(args.run(args))
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        if args.json:
            from zqcnn_xp.cli.output import print_json

            print_json({"error": "interrupted"})
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough (`| head`). Python would complain again while closing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (ZqcnnError, OSError, MemoryError) as error:
        if args.debug:
            raise
        message = str(error)
        if isinstance(error, MemoryError):
            message = "out of memory"
        elif isinstance(error, OSError) and error.filename is not None:
            message = f"{error.filename}: {error.strerror}"
        elif isinstance(error, OSError) and error.strerror:
            message = error.strerror  # without its number, which tells a user nothing
        usage = isinstance(error, (InputError, ConfigError))
        return _fail(args, message, USAGE if usage else FAILED)
    return code


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv
        Arguments without the program's name; None takes ``sys.argv[1:]``.
    """
    for stream in (sys.stdout, sys.stderr):
        # File names may hold bytes that the terminal's encoding has no sign for.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    with _seldom_collected():
        words = sys.argv[1:] if argv is None else list(argv)
        parser = build_parser(words[0] if words else None, document="--json" in words)
        args = parser.parse_args(words)
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            return _run(args)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Look for cyclic garbage less often.

    Modules are full of objects that live on: to look through them again and again while they are
    imported takes a tenth of a first detection.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(_NEW_OBJECTS, before[0]), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
