"""Small networks as text, their weight files, and how to run them."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.darknet import reader
from zqcnn_xp.session import Session

SHAPE = (4, 6, 8)


def cfg(*sections, shape=SHAPE):
    """``"[maxpool] size=2 stride=2"`` and so on, below a [net] of this shape."""
    net = "[net] channels={} height={} width={}".format(*shape)
    return "\n".join(" ".join((net, *sections)).replace("[", "\n[").split()).encode()


def header(major=0, minor=2, revision=5, seen=0):
    wide = major * 10 + minor >= 2 and major <= 1000 and minor <= 1000
    return struct.pack("<3iq" if wide else "<3ii", major, minor, revision, seen)


def weights(*arrays, **version):
    parts = [np.asarray(a, "<f4").tobytes() for a in arrays]
    return header(**version) + b"".join(parts)


def read(*sections, weights="random", shape=SHAPE, **options):
    return reader.read(cfg(*sections, shape=shape), weights, **options)


def fails(match, *sections, weights="random", shape=SHAPE, **options):
    with pytest.raises(FormatError, match=match) as caught:
        read(*sections, weights=weights, shape=shape, **options)
    return caught.value


def run(graph, x, blob=None):
    session = Session(graph, Backend(np), fold=False)
    name = blob or graph.outputs[-1]
    return session(np.asarray(x, np.float32), name)[name]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="session")
def dk():
    return SimpleNamespace(
        cfg=cfg, header=header, weights=weights, read=read, fails=fails, run=run, noise=noise
    )
