"""``zqcnn-xp gallery info``."""

from __future__ import annotations

import argparse

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.galleries.arguments import add_command, opened
from zqcnn_xp.cli.output import print_json

__all__ = ["add", "info"]


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    add_command(commands, common, "info", "say what a gallery holds", "", info)


def info(args: argparse.Namespace) -> int:
    """Print size, type, persons and network."""
    import numpy as np

    with opened(args) as found:
        store, origin = found
        ids, people = store.label_ids()
        counts = np.bincount(ids[ids >= 0], minlength=len(people))
        document = {
            "gallery": str(args.gallery),
            "features": len(store),
            "dim": store.dim,
            "dtype": str(store.dtype),
            "people": int(np.count_nonzero(counts)),
            "most": int(counts.max(initial=0)),
            "nobody": int(np.count_nonzero(ids < 0)),
            "bytes": sum(path.stat().st_size for path in args.gallery.iterdir() if path.is_file()),
            "model": None if origin is None else origin.model,
            "sha256": [] if origin is None else list(origin.sha256),
            "recipe": None if origin is None else origin.recipe,
        }
    if args.json:
        print_json(document)
        return 0
    print(
        f"{args.gallery}: {document['features']} features of {document['people']} persons "
        f"(at most {document['most']} of one, {document['nobody']} of nobody), "
        f"{document['dim']} {document['dtype']} values each, {document['bytes']:,} bytes"
    )
    if origin is None:
        print("made by: nothing is known")
        return 0
    print(f"made by: {origin.model}" + (f" with {origin.weights}" if origin.weights else ""))
    for name, value in origin.recipe.items():
        print(f"  {name}: {value}")
    for checksum in origin.sha256:
        print(f"  sha256: {checksum}")
    return 0
