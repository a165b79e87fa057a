"""MATLAB files: what scipy reads is read, what lies about its size never reaches it."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.evaluation import mat_file
from zqcnn_xp.evaluation.mat_file import load_mat

HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"


def cells(*values):
    made = np.empty((len(values), 1), object)
    for index, value in enumerate(values):
        made[index, 0] = value
    return made


VARIABLES = {
    "features": np.arange(12, dtype=np.float64).reshape(3, 4) / 7,
    "single": np.arange(6, dtype=np.float32).reshape(2, 3),
    "pairs": np.array([[1, 2, 3], [4, 5, 60000]], np.uint16),
    "complex": np.array([[1 + 2j, 3 - 1j]]),
    "names": cells("Ann_0001.jpg", "Björn_0002.jpg", ""),
    "index": cells(np.array([[1], [5]], np.uint16), np.zeros((0, 0))),
    "text": "a line of text",
    "empty": np.zeros((0, 3)),
    "struct": {"a": np.array([[1.0]]), "b": "x"},
}


def written(variables=VARIABLES, **options):
    file = io.BytesIO()
    savemat(file, variables, **options)
    return file.getvalue()


def element(kind, data, order="<"):
    return struct.pack(order + "II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(kind, sizes, *parts, name=b"x", order="<", flags=0):
    head = element(6, struct.pack(order + "II", kind | flags, 0), order)
    head += element(5, struct.pack(f"{order}{len(sizes)}i", *sizes), order)
    return element(14, head + element(1, name, order) + b"".join(parts), order)


def same(found, expected):
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    for a, b in zip(found.ravel(), expected.ravel(), strict=True):
        if isinstance(a, np.ndarray):
            same(a, b)
        elif isinstance(a, np.void):
            for field in found.dtype.names:
                same(a[field], b[field])
        else:
            assert a == b


@pytest.mark.parametrize("compressed", [False, True])
def test_what_scipy_reads(compressed):
    data = written(do_compression=compressed)
    expected = loadmat(io.BytesIO(data))
    found = load_mat(data, list(VARIABLES))
    assert list(found) == list(VARIABLES)
    for name in VARIABLES:
        same(found[name], expected[name])


def test_only_the_named_variables(monkeypatch):
    checked = []
    monkeypatch.setattr(
        mat_file, "check_array", lambda *args: checked.append(args[1]) or 1, raising=True
    )
    assert list(load_mat(written(), ["pairs"])) == ["pairs"]
    assert len(checked) == 1


def test_a_damaged_variable_hurts_only_itself():
    # the dimensions of a cell array claim a billion cells
    bad = matrix(1, (1 << 15, 1 << 15), name=b"bad")
    data = HEADER + bad + matrix(9, (1, 1), element(9, struct.pack("<d", 4.0)), name=b"good")
    assert load_mat(data, ["good"])["good"] == [[4.0]]
    with pytest.raises(DatasetError, match=r"variable bad: found 0 bytes, expected 1,073,741,824"):
        load_mat(data, ["bad"])


def test_big_endian():
    header = HEADER[:124] + b"\1\0MI"
    data = header + matrix(9, (1, 2), element(9, struct.pack(">2d", 4, 5), ">"), order=">")
    assert load_mat(data, ["x"])["x"].tolist() == [[4.0, 5.0]]


def test_real_files(shared_data):
    pairs = load_mat(shared_data / "lfw" / "lightcnn_lfw_pairs.mat", ["pos_pair", "neg_pair"])
    assert pairs["pos_pair"].shape == pairs["neg_pair"].shape == (2, 3000)
    assert pairs["pos_pair"].dtype == np.uint16
    wanted = ["imageList", "labels", "trainIndex", "testIndex", "galIndex", "probIndex"]
    blufr = load_mat(shared_data / "blufr" / "blufr_lfw_config.mat", wanted)
    assert blufr["imageList"].shape == (13233, 1)
    assert blufr["imageList"][0, 0].item() == "Aaron_Eckhart_0001.jpg"
    assert [blufr["testIndex"][k, 0].shape for k in range(2)] == [(10281, 1), (9805, 1)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the version of a MATLAB 5 to 7 file"),
        (b"x" * 200, "found b'xxxx', expected the version"),
        (HEADER[:124] + b"\0\2IM", "what HDF5 refuses .*file signature not found"),
        (HEADER, "found none of them, expected the variables x"),
        (HEADER + b"\0" * 5, "byte 128: found 5 bytes, expected the 8"),
        (HEADER + element(9, bytes(8)), "an element of type 9, expected 14"),
        (HEADER + struct.pack("<II", 14, 1 << 31), "an element of 2,147,483,648 bytes, expected"),
        (HEADER + matrix(9, (2, 2), element(9, bytes(24))), "24 bytes of type 9, expected 4 numb"),
        (HEADER + matrix(9, (1 << 30, 1 << 30), element(9, bytes(8))), "expected 1,152,921,504,6"),
        (HEADER + matrix(9, (-1, 1), element(9, bytes(8))), r"dimensions \[-1, 1\]"),
        (HEADER + matrix(9, (1,), element(9, bytes(8))), "4 bytes of type 5, expected the dimens"),
        (HEADER + matrix(9, (1, 1), element(9, bytes(8)), flags=0x800), "0 bytes, expected the 8"),
        (HEADER + matrix(4, (1, 1 << 30), element(16, b"")), "expected 1,073,741,824 characters"),
        (HEADER + matrix(5, (1, 1)), "an array of class 5, expected numbers, text, cells"),
        (HEADER + matrix(17, (1, 1)), "an array of class 17"),
        (HEADER + matrix(1, (1, 1), element(9, bytes(8))), "an element of type 9, expected 14"),
        (
            HEADER + matrix(2, (1 << 15, 1), element(5, b"\4\0\0\0"), element(1, b"")),
            "a structure array without fields",
        ),
        (
            HEADER + matrix(2, (1 << 15, 1 << 15), element(5, b"\4\0\0\0"), element(1, b"abc\0")),
            "found 0 bytes, expected 1,073,741,824 arrays",
        ),
        (HEADER + matrix(9, (1, 1), element(9, bytes(8))) * 2, "a second variable x"),
        (HEADER + struct.pack("<II", 15, 4) + b"abcd", "damaged compressed data"),
    ],
)
def test_what_is_refused(data, words):
    with pytest.raises(DatasetError, match=words):
        load_mat(data, ["x"])


def test_too_deep_a_nest():
    inner = matrix(9, (1, 1), element(9, bytes(8)), name=b"")
    for _ in range(40):
        inner = matrix(1, (1, 1), inner)
    with pytest.raises(DatasetError, match="arrays in more than 16 others"):
        load_mat(HEADER + inner, ["x"])


def test_too_many_arrays(monkeypatch):
    monkeypatch.setattr(mat_file, "MAX_ARRAYS", 50)
    many = HEADER + matrix(1, (60, 1), element(14, b"") * 60)
    with pytest.raises(DatasetError, match="more arrays within arrays"):
        load_mat(many, ["x"])
    assert load_mat(HEADER + matrix(1, (40, 1), element(14, b"") * 40), ["x"])["x"].size == 40


def deflated(data, level=9):
    packed = zlib.compress(data, level)
    return HEADER + struct.pack("<II", 15, len(packed)) + packed


def test_compressed_data_is_as_long_as_it_says():
    plain = matrix(9, (1, 1), element(9, bytes(8)))
    assert load_mat(deflated(plain), ["x"])["x"] == [[0.0]]
    with pytest.raises(DatasetError, match="more inflated bytes, expected"):
        load_mat(deflated(plain + bytes(8)), ["x"])
    with pytest.raises(DatasetError, match="inflated bytes, expected"):
        load_mat(deflated(plain[:-8]), ["x"])
    with pytest.raises(DatasetError, match="found 3 inflated bytes"):
        load_mat(deflated(plain[:3]), ["x"])


def test_a_bomb_is_refused_by_what_it_says():
    bomb = deflated(matrix(9, (1 << 12, 1 << 10), element(9, bytes(8 << 22))))
    assert len(bomb) < 1 << 17
    with pytest.raises(DatasetError, match=r"an array of 33,554,\d+ bytes, expected at most 1,0"):
        load_mat(bomb, ["x"], max_bytes=1 << 20)
    with pytest.raises(DatasetError, match=r"bytes, expected at most 1,000 bytes"):
        load_mat(bomb, ["x"], max_bytes=1000)


def test_two_bombs_share_a_budget():
    one = deflated(matrix(9, (1 << 7, 1 << 10), element(9, bytes(1 << 20))))
    assert load_mat(one, ["x"], max_bytes=3 << 19)["x"].shape == (128, 1024)
    with pytest.raises(DatasetError, match="an array of"):
        load_mat(one + one[128:], ["y"], max_bytes=3 << 19)


def test_arguments():
    with pytest.raises(InputError, match="expected a list of variables' names"):
        load_mat(written(), "pairs")
    with pytest.raises(FileNotFoundError):
        load_mat("no_such.mat", ["x"])


def test_mutants(judge, damage):
    small = {name: value for name, value in VARIABLES.items() if name != "single"}
    plain = written(small)
    packed = written(small, do_compression=True)

    bodies = [written({name: value})[128:] for name, value in small.items()]

    def again(rng):
        # damage within the compressed data, which its checksum would find otherwise
        parts = list(bodies)
        place = rng.randrange(len(parts))
        parts[place] = damage.mutate(rng, parts[place])
        return HEADER + b"".join(deflated(part)[128:] for part in parts)

    judge(lambda data: load_mat(data, list(small))).trials(
        [
            lambda rng: damage.mutate(rng, plain),
            lambda rng: damage.mutate(rng, packed),
            again,
            lambda rng: deflated(damage.mutate(rng, matrix(9, (2, 2), element(9, bytes(32))))),
            lambda rng: plain[:128] + damage.mutate(rng, plain[128:], rng.randrange(200)),
        ],
        worked=(0.02, 0.5),
    )


def test_mutants_of_a_real_file(judge, damage, shared_data):
    path = shared_data / "lfw" / "lightcnn_lfw_pairs.mat"
    packed = path.read_bytes()
    judge(lambda data: load_mat(data, ["pos_pair", "neg_pair"])).trials(
        [lambda rng: damage.mutate(rng, packed)], worked=(0.0, 0.3), count=300
    )


def test_truncated_at_every_byte(judge):
    whole = written({"x": np.arange(3.0), "y": np.arange(4.0)})
    read = judge(lambda data: load_mat(data, ["x", "y"]))
    assert sum(read(whole[:size]) for size in range(len(whole))) == 0
    assert read(whole)


def test_without_scipy():
    code = (
        "import sys; sys.modules['scipy'] = None\n"
        "from zqcnn_xp.errors import PackageMissing\n"
        "from zqcnn_xp.evaluation.mat_file import load_mat\n"
        "try:\n    load_mat(b'', ['x'])\n"
        "except PackageMissing as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("reading .mat files needs scipy; install it with: pip install")
