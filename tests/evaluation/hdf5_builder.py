"""Writes HDF5 files as MATLAB 7.3 does: for tests of the reader, after the format's description."""

from __future__ import annotations

import itertools
import struct
import zlib

import numpy as np

BASE = 512
FLOATS = {2: (16, 10, 5, 0, 10, 15), 4: (32, 23, 8, 0, 23, 127), 8: (64, 52, 11, 0, 52, 1023)}


class Builder:
    """Bytes that grow; addresses count from the end of the first 512."""

    def __init__(self):
        self.data = bytearray()

    def add(self, block):
        self.data += bytes(-len(self.data) % 8)
        at = len(self.data)
        self.data += block
        return at

    def header(self, messages, continued=0):
        """Add an object's header; the last messages can lie in a block of their own."""
        packed = [
            struct.pack("<HHB3x", kind, len(data) + -len(data) % 8, 0)
            + data
            + bytes(-len(data) % 8)
            for kind, data in messages
        ]
        count = len(packed)
        if continued:
            rest = b"".join(packed[-continued:])
            packed = packed[:-continued]
            at = self.add(rest)
            packed.append(struct.pack("<HHB3xQQ", 0x10, 16, 0, at, len(rest)))
            count += 1
        block = b"".join(packed)
        return self.add(struct.pack("<BxHII4x", 1, count, 1, len(block)) + block)

    def tree(self, kind, entries, key, fan=64):
        """Add a tree over (key, address); several levels where one node does not hold them."""
        level = 0
        while True:
            nodes = []
            for start in range(0, len(entries), fan):
                some = entries[start : start + fan]
                body = b"".join(before + struct.pack("<Q", child) for before, child in some)
                head = struct.pack(
                    "<4sBBHQQ", b"TREE", kind, level, len(some), 2**64 - 1, 2**64 - 1
                )
                nodes.append((some[0][0], self.add(head + body + bytes(key))))
            if len(nodes) == 1:
                return nodes[0][1]
            entries, level = nodes, level + 1

    def array(self, array, chunk=None, filters=(), version=3, continued=0, compact=False):
        """Add an array, transposed as MATLAB has it."""
        stored = np.ascontiguousarray(array.T)
        size, kind = stored.dtype.itemsize, stored.dtype.kind
        big = stored.dtype.str[0] == ">"
        if kind == "f":
            bits, at, exponent, mantissa_at, mantissa, bias = FLOATS[size]
            flags = bytes([0x20 | big, bits - 1, 0])
            rest = struct.pack("<HHBBBBI", 0, bits, at, exponent, mantissa_at, mantissa, bias)
            dtype = b"\x11" + flags + struct.pack("<I", size) + rest
        else:
            flags = bytes([big | (8 if kind == "i" else 0), 0, 0])
            dtype = b"\x10" + flags + struct.pack("<IHH", size, 0, 8 * size)
        space = struct.pack("<BBB5x", 1, stored.ndim, 0)
        space += struct.pack(f"<{stored.ndim}Q", *stored.shape)
        messages = [(1, space), (3, dtype)]
        if chunk is not None:
            layout = self.chunked(stored, chunk, filters, version)
        elif compact:
            layout = struct.pack("<BBH", 3, 0, stored.nbytes) + stored.tobytes()
        else:
            at = self.add(stored.tobytes())
            layout = struct.pack("<BBQQ", 3, 1, at, stored.nbytes)
            if version == 1:
                layout = struct.pack("<BBB5xQ", 1, stored.ndim + 1, 1, at)
                layout += struct.pack(f"<{stored.ndim + 1}I", *stored.shape, size)
        if filters:
            pipeline = struct.pack("<BB6x", 1, len(filters))
            for number in filters:
                pipeline += struct.pack("<HHHH8sII", number, 8, 1, 1, b"filter\0\0", 6, 0)
            messages.append((0xB, pipeline))
        messages += [(8, layout), (0xC, b"\1\0" + bytes(30))]
        return self.header(messages, continued)

    def chunked(self, stored, chunk, filters, version):
        entries = []
        steps = [range(0, n, step) for n, step in zip(stored.shape, chunk, strict=True)]
        for at in itertools.product(*steps):
            block = np.zeros(chunk, stored.dtype)
            part = stored[tuple(slice(i, i + n) for i, n in zip(at, chunk, strict=True))]
            block[tuple(map(slice, part.shape))] = part
            data = block.tobytes()
            for number in filters:
                if number == 2:
                    data = np.frombuffer(data, np.uint8).reshape(-1, stored.itemsize).T.tobytes()
                else:
                    data = zlib.compress(data, 3)
            key = struct.pack(f"<II{len(chunk) + 1}Q", len(data), 0, *at, 0)
            entries.append((key, self.add(data)))
        tree = self.tree(1, entries, 8 + 8 * (len(chunk) + 1))
        sizes = struct.pack(f"<{len(chunk) + 1}I", *chunk, stored.itemsize)
        if version == 1:
            return struct.pack("<BBB5xQ", 1, len(chunk) + 1, 2, tree) + sizes
        return struct.pack("<BBBQ", 3, 2, len(chunk) + 1, tree) + sizes


def written(variables, magic=b"\0\2IM", **options):
    """Return the bytes of a file; variables are arrays, or arrays with their own options."""
    made = Builder()
    made.add(bytes(96))
    entries, names = [], b"\0" * 8
    for name, value in sorted(variables.items()):
        array, own = value if isinstance(value, tuple) else (value, {})
        address = made.array(array, **options | own)
        entries.append((len(names), address))
        names += name.encode() + b"\0" * (8 - len(name) % 8)
    nodes = []
    for start in range(0, len(entries), 8):
        some = entries[start : start + 8]
        symbols = b"".join(struct.pack("<QQ24x", *entry) for entry in some)
        head = struct.pack("<4sBxH", b"SNOD", 1, len(some))
        nodes.append((struct.pack("<Q", some[0][0]), made.add(head + symbols)))
    segment = made.add(names)
    heap = made.add(struct.pack("<4s4xQQQ", b"HEAP", len(names), 2**64 - 1, segment))
    root = made.header([(0x11, struct.pack("<QQ", made.tree(0, nodes, 8, fan=4), heap))])
    start = b"\x89HDF\r\n\x1a\n" + struct.pack("<8BHHI", 0, 0, 0, 0, 0, 8, 8, 0, 4, 16, 0)
    start += struct.pack("<QQQQ", BASE, 2**64 - 1, len(made.data), 2**64 - 1)
    start += struct.pack("<QQII16x", 0, root, 1, 0)
    made.data[:96] = start
    text = b"MATLAB 7.3 MAT-file".ljust(124, b" ") + magic
    return text.ljust(BASE, b"\0") + bytes(made.data)
