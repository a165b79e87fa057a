"""The structure of an HDF5 file as MATLAB 7.3 writes it, walked without trusting a size or address.

HDF5's own library is C that has been made to crash by damaged files again and again, and of it only
a small part is needed here: names of the first group, and what their data sets say of themselves.
Every address and every count is held against the bytes that are there. The format: The HDF Group,
"HDF5 File Format Specification", version 1.1 structures (superblock 0 and 1), which is what MATLAB
writes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from zqcnn_xp.errors import DatasetError

__all__ = ["MAGIC", "Walk"]

MAGIC = b"\x89HDF\r\n\x1a\n"
_UNDEFINED = (1 << 64) - 1
_DEEPEST = 32
_LONGEST_NAME = 256
_CONTINUED, _SYMBOL_TABLE = 0x10, 0x11


class Walk:
    """One file: its bytes, and how many structures and entries may still be visited.

    Parameters
    ----------
    file
        Name for messages.
    data
        The whole file.

    Raises
    ------
    DatasetError
        If it has no superblock, or one of another version.
    """

    def __init__(self, file: str, data: bytes) -> None:
        self.file = file
        self.data = memoryview(data)
        self.where = "byte 0"
        # No structure and no entry of one is smaller than that, and none is shared.
        self._visits = len(data) // 8 + 8
        self._base = 0
        at = next((at for at in self._starts() if data[at : at + 8] == MAGIC), None)
        if at is None:
            raise self.error("no superblock", "HDF5")
        version, sizes = self.data[at + 8 : at + 9].tobytes(), bytes(self.data[at + 13 : at + 15])
        if version not in (b"\0", b"\1") or sizes != b"\x08\x08":
            raise self.error("a superblock of another version than MATLAB's", "0 or 1")
        at += 24 if version == b"\0" else 28
        self._base = self.unpack("<Q", at)[0]
        self.root: int = self.unpack("<Q", at + 40, based=False)[0]

    def _starts(self) -> Iterator[int]:
        """Yield where a superblock may be: at 0, 512, and each double of that."""
        at = 0
        while at < len(self.data):
            yield at
            at = 2 * at if at else 512

    def error(self, found: str, expected: str) -> DatasetError:
        """Return an error at the structure that was visited last."""
        return DatasetError(self.file, self.where, found, expected)

    def part(self, address: int, size: int, *, based: bool = True) -> memoryview:
        """Return bytes at an address, which must be there."""
        start = address + (self._base if based else 0)
        if address == _UNDEFINED or start + size > len(self.data):
            raise self.error(f"{size:,} bytes at address {address:,}", "what lies in the file")
        return self.data[start : start + size]

    def unpack(self, form: str, address: int, *, based: bool = False) -> tuple[Any, ...]:
        """Read numbers at an address; by default one that is counted from the file's start."""
        return struct.unpack(form, self.part(address, struct.calcsize(form), based=based))

    def visit(self, address: int, magic: bytes) -> None:
        """Begin with a structure: count it, and check how it begins."""
        self.where = f"address {address}"
        self._spend(1)
        if bytes(self.part(address, len(magic))) != magic:
            raise self.error(f"{bytes(self.part(address, len(magic)))!r}", repr(magic))

    def _spend(self, count: int) -> None:
        self._visits -= count
        if self._visits < 0:
            raise self.error("structures in circles, or shared", "each once")

    def messages(self, address: int) -> Iterator[tuple[int, memoryview]]:
        """Yield type and data of the messages of an object's header (version 1)."""
        self.visit(address, b"\x01\0")
        count, _, size = self.unpack("<HII", address + 2, based=True)
        self._spend(count)
        blocks = [(address + 16, size)]
        while blocks and count:
            at, left = blocks.pop(0)
            while left >= 8 and count:
                kind, length = self.unpack("<HH", at, based=True)
                if length > left - 8:
                    raise self.error(f"a message of {length} bytes", f"at most {left - 8}")
                data = self.part(at + 8, length)
                if kind == _CONTINUED and length >= 16:
                    blocks.append(struct.unpack_from("<QQ", data))
                else:
                    yield kind, data
                at, left, count = at + 8 + length, left - 8 - length, count - 1

    def objects(self) -> dict[str, int]:
        """Return the addresses of the objects of the first group, by their names."""
        table = next((d for kind, d in self.messages(self.root) if kind == _SYMBOL_TABLE), b"")
        if len(table) < 16:
            raise self.error("a group without a table of symbols", "one, as MATLAB writes it")
        tree, heap = struct.unpack_from("<QQ", table)
        self.visit(heap, b"HEAP")
        size, _, names = self.unpack("<QQQ", heap + 8, based=True)
        texts = self.part(names, size)
        found: dict[str, int] = {}
        for node, _ in self.leaves(tree, 0, 8):
            self.visit(node, b"SNOD")
            (count,) = self.unpack("<H", node + 6, based=True)
            self._spend(count)
            for number in range(count):
                offset, address = self.unpack("<QQ", node + 8 + 40 * number, based=True)
                text = bytes(texts[offset : offset + _LONGEST_NAME])
                found.setdefault(text.partition(b"\0")[0].decode("latin-1"), address)
        return found

    def leaves(
        self, address: int, kind: int, key: int, deepest: int = _DEEPEST
    ) -> Iterator[tuple[int, memoryview]]:
        """Yield the children of a tree's leaves: their addresses, and the keys before them.

        Parameters
        ----------
        address
            Of the tree's node.
        kind
            0 for groups, 1 for chunks.
        key
            Bytes of a key.
        deepest
            The node must lie below this level.
        """
        self.visit(address, b"TREE" + bytes([kind]))
        level, count = self.unpack("<BH", address + 5, based=True)
        if level >= deepest:
            raise self.error(f"a node of level {level} below one of {deepest}", "a lower one")
        self._spend(count)
        for number in range(count):
            at = address + 24 + number * (key + 8)
            before = self.part(at, key)
            (child,) = self.unpack("<Q", at + key, based=True)
            if level:
                yield from self.leaves(child, kind, key, level)
            else:
                yield child, before
