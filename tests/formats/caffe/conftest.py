"""Small networks as text, their weight files, and how to run them."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.caffe import reader
from zqcnn_xp.session import Session

SHAPE = (1, 4, 6, 8)


def layer(kind, parameters="", bottom="x", top="y", name="the_layer"):
    """One layer; several bottoms or tops are separated by spaces."""
    bottoms = " ".join(f'bottom: "{b}"' for b in bottom.split())
    tops = " ".join(f'top: "{t}"' for t in top.split())
    return f'layer {{ name: "{name}" type: "{kind}" {bottoms} {tops} {parameters} }}'


def net(*layers, shape=SHAPE, **inputs):
    """A definition; ``inputs`` are further inputs by name."""
    sources = {"x": shape, **inputs}
    parts = []
    for name, sizes in sources.items():
        dims = " ".join(f"dim: {size}" for size in sizes)
        parts.append(f'input: "{name}" input_shape {{ {dims} }}')
    return "\n".join(('name: "n"', *parts, *layers)).encode()


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number, content):
    """A field: text or bytes behind their length, or a whole number."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def blob(array, form="shape"):
    array = np.asarray(array)
    if form == "double":
        data = field(8, array.astype("<f8").tobytes())
    elif form == "single":
        data = b"".join(varint(5 << 3 | 5) + struct.pack("<f", v) for v in array.ravel())
    else:
        data = field(5, array.astype("<f4").tobytes())
    if form == "legacy":
        dims = (1,) * (4 - array.ndim) + array.shape
        return b"".join(field(k + 1, n) for k, n in enumerate(dims)) + data
    return data + field(7, field(1, b"".join(varint(n) for n in array.shape)))


def weights(form="shape", version=2, **arrays):
    """A .caffemodel: arrays, or lists of them, by layer name."""
    name, blobs, layers = (1, 7, 100) if version == 2 else (4, 6, 2)
    found = b"\n\x01n"
    for key, value in arrays.items():
        parts = [field(name, key)]
        parts += [field(blobs, blob(array, form)) for array in value]
        found += field(layers, b"".join(parts))
    return found


def read(*layers, weights=b"\n\x01n", shape=SHAPE, inputs=None, **options):
    return reader.read(net(*layers, shape=shape, **(inputs or {})), weights, **options)


def fails(match, *layers, **options):
    with pytest.raises(FormatError, match=match) as caught:
        read(*layers, **options)
    return caught.value


def run(graph, x, blob=None):
    session = Session(graph, Backend(np), fold=False)
    name = blob or graph.outputs[-1]
    given = x if isinstance(x, dict) else {graph.inputs[0].name: x}
    return session({k: np.asarray(v, np.float32) for k, v in given.items()}, name)[name]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def one(kind, parameters="", x=None, arrays=(), inputs=None):
    """Run a network of one layer on ``x`` and further ``inputs``."""
    x = noise(*SHAPE) if x is None else np.asarray(x, np.float32)
    more = {k: np.asarray(v, np.float32) for k, v in (inputs or {}).items()}
    text = layer(kind, parameters, " ".join(("x", *more)))
    held = weights(the_layer=arrays) if len(arrays) else b"\n\x01n"
    shapes = {k: v.shape for k, v in more.items()}
    return run(read(text, weights=held, shape=x.shape, inputs=shapes), {"x": x, **more})


@pytest.fixture(scope="session")
def cf():
    return SimpleNamespace(**{k: v for k, v in globals().items() if k != "cf"})
