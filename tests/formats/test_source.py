"""Bytes from paths, file objects and memory."""

import io

import pytest

from zqcnn_xp.errors import FormatError, InputError
from zqcnn_xp.formats import Limits, read_source
from zqcnn_xp.formats.source import HEAD, name_of, peek

DATA = bytes(range(256)) * 40


class Pipe(io.RawIOBase):
    """A stream that cannot be wound back and returns little at a time."""

    def __init__(self, data, step=100):
        self.inner, self.step = io.BytesIO(data), step
        self.taken = 0

    def readable(self):
        return True

    def seekable(self):
        return False

    def read(self, size=-1):
        part = self.inner.read(min(size, self.step))
        self.taken += len(part)
        return part


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "net.bin"
    file.write_bytes(DATA)
    return file


def test_all_kinds_give_the_same_bytes(path):
    with path.open("rb") as file:
        kinds = [path, str(path), file, io.BytesIO(DATA), Pipe(DATA), DATA, bytearray(DATA)]
        kinds.append(memoryview(DATA))
        assert all(read_source(kind).data == DATA for kind in kinds)


def test_names_for_messages(path):
    with path.open("rb") as file:
        assert name_of(path) == name_of(str(path)) == name_of(file) == "net.bin"
    assert name_of(b"") == "<bytes>"
    assert name_of(io.BytesIO()) == "<file>"
    assert read_source(path).name == "net.bin"


def test_a_file_object_is_read_from_where_it_stands_and_left_open(path):
    with path.open("rb") as file:
        file.seek(200)
        assert read_source(file).data == DATA[200:]
        assert not file.closed


@pytest.mark.parametrize("kind", ["path", "file", "pipe", "bytes"])
def test_too_long(path, kind):
    source = {"path": path, "file": io.BytesIO(DATA), "pipe": Pipe(DATA), "bytes": DATA}[kind]
    assert read_source(DATA, Limits(max_file=len(DATA))).data == DATA
    with pytest.raises(FormatError, match=r"bytes, expected at most 10,239 \(Limits.max_file\)"):
        read_source(source, Limits(max_file=len(DATA) - 1))


def test_an_endless_stream_is_not_read_to_its_end():
    class Endless(Pipe):
        def read(self, size=-1):
            self.taken += min(size, 1000)
            return b"x" * min(size, 1000)

    stream = Endless(b"")
    with pytest.raises(FormatError, match=r"Limits\.max_file"):
        read_source(stream, Limits(max_file=5000))
    assert stream.taken == 5001


@pytest.mark.parametrize("wrong", [None, 3, object(), ["a"]])
def test_no_source(wrong):
    with pytest.raises(InputError, match="expected a path, a binary file object or bytes"):
        read_source(wrong)


def test_a_text_file_object():
    with pytest.raises(InputError, match="mode 'rb'"):
        read_source(io.StringIO("Input name=x C=3"))


def test_a_folder(tmp_path):
    with pytest.raises(InputError, match="folder"):
        read_source(tmp_path)


def test_an_absent_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_source(tmp_path / "absent")


def test_peek_uses_nothing_up(path):
    with path.open("rb") as file:
        for source in (path, file, io.BytesIO(DATA), Pipe(DATA), DATA):
            head, _, again = peek(source)
            assert head == DATA[:HEAD]
            assert read_source(again).data == DATA


def test_peek_gives_the_file_name(path):
    with path.open("rb") as file:
        assert peek(path)[1] == peek(file)[1] == "net.bin"
    assert peek(DATA)[1] is None
    pipe = Pipe(DATA)
    pipe.name = "folder/net.bin"
    _, filename, again = peek(pipe)
    assert filename == "net.bin" == name_of(again)
