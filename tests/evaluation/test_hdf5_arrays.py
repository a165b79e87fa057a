"""Features in MATLAB 7.3 files: read as they were written, or refused; never more than is there."""

from __future__ import annotations

import runpy
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation.feature_files import read_features
from zqcnn_xp.evaluation.hdf5_arrays import read_hdf5
from zqcnn_xp.evaluation.mat_file import load_mat

written = runpy.run_path(str(Path(__file__).with_name("hdf5_builder.py")))["written"]
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(37, 21)).astype(np.float32)


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", ">f4", ">f8", "u1", "i1", "u2", ">i2", "u4", "i4", "u8", ">i8"]
)
def test_every_type(dtype):
    array = (100 * RNG.normal(size=(5, 3))).astype(dtype)
    found = load_mat(written({"x": array}), ["x"])["x"]
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    assert found.shape == (5, 3)
    assert (found == array).all()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"version": 1},
        {"compact": True},
        {"continued": 2},
        {"chunk": (8, 10)},
        {"chunk": (21, 37)},
        {"chunk": (100, 100)},
        {"chunk": (1, 1)},  # 777 of them: a tree of two levels
        {"chunk": (8, 10), "version": 1},
        {"chunk": (8, 10), "filters": [1]},
        {"chunk": (8, 10), "filters": [2, 1]},
        {"chunk": (8, 10), "filters": [2]},
    ],
)
def test_every_layout(options):
    found = load_mat(
        written({"features": FEATURES, "other": FEATURES[:2]}, **options), ["features"]
    )
    assert list(found) == ["features"]
    assert (found["features"] == FEATURES).all()


def test_many_variables():
    variables = {f"v{k:03d}": np.full((1, 2), float(k)) for k in range(100)}
    found = load_mat(written(variables), list(variables))
    assert all((found[name] == variables[name]).all() for name in variables)


def test_a_file_of_matlab():
    place = files("scipy.io.matlab") / "tests" / "data" / "testhdf5_7.4_GLNX86.mat"
    if not place.is_file():
        pytest.skip("scipy is installed without its tests")
    found = load_mat(place.read_bytes(), ["testdouble"])["testdouble"]
    assert found.shape == (1, 9)
    assert found == pytest.approx(np.arange(9).reshape(1, 9) * np.pi / 4)


def test_as_features(tmp_path):
    path = tmp_path / "f.mat"
    path.write_bytes(written({"features": FEATURES}, chunk=(8, 10), filters=[1]))
    assert (read_features(path).features == FEATURES).all()
    assert (read_features(path, key="features").array() == FEATURES).all()


def test_scipy_is_not_needed(tmp_path):
    (tmp_path / "f.mat").write_bytes(written({"x": FEATURES}))
    code = (
        "import sys; sys.modules['scipy'] = None\n"
        "from zqcnn_xp.evaluation.mat_file import load_mat\n"
        "print(load_mat('f.mat', ['x'])['x'].shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == "(37, 21)\n"


PLAIN = written({"features": FEATURES})
CUT = written({"features": FEATURES}, chunk=(8, 10), filters=[1])


def changed(data, old, new, count=1):
    assert data.count(old) >= count
    return data.replace(old, new, count)


SHAPE = b"\x15" + bytes(7) + b"\x25" + bytes(7)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (changed(PLAIN, b"features", b"footures"), "found footures, expected the variables feat"),
        (changed(PLAIN, SHAPE, b"\xff" * 8 + SHAPE[8:]), "bytes, expected some, and at most"),
        (changed(PLAIN, SHAPE, bytes(8) + SHAPE[8:]), "found 0 bytes, expected some"),
        (changed(PLAIN, SHAPE, b"\x16" + SHAPE[1:]), "found 3,108 bytes, expected 3,256"),
        (changed(PLAIN, b"\x11\x20\x1f\0\4", b"\x19\x20\x1f\0\4"), "of class 9 with 4 bytes"),
        (changed(PLAIN, b"\x11\x20\x1f\0\4", b"\x11\x20\x1f\0\3"), "of class 1 with 3 bytes"),
        (changed(PLAIN, b"\x11\x20\x1f\0\4", b"\x17\x20\x1f\0\4"), "save cells, text and struct"),
        (changed(PLAIN, b"\3\1", b"\4\1"), "a layout 1 of version 4"),
        (PLAIN[:-4000], "address|bytes"),
    ],
)
def test_what_is_refused(data, words):
    with pytest.raises(DatasetError, match=words) as raised:
        load_mat(data, ["features"])
    assert raised.value.file == "<bytes>"


def test_no_more_than_asked_for():
    with pytest.raises(DatasetError, match="found 3,108 bytes, expected some, and at most 3,000"):
        read_hdf5("<bytes>", PLAIN, ["features"], 3000)


def test_truncated_at_every_byte(judge):
    read = judge(lambda data: load_mat(data, ["x"]))
    whole = written({"x": FEATURES[:3, :4]}, chunk=(2, 2), filters=[2, 1])
    assert read(whole)
    assert sum(read(whole[:size]) for size in range(len(whole) - 64)) == 0


def test_mutants(judge, damage):
    wholes = [PLAIN, CUT, written({"features": FEATURES}, chunk=(3, 5), filters=[2, 1], version=1)]
    judge(lambda data: load_mat(data, ["features"])).trials(
        [
            *(lambda rng, whole=whole: damage.mutate(rng, whole) for whole in wholes),
            lambda rng: PLAIN[:512] + damage.mutate(rng, PLAIN[512:], rng.randrange(200)),
            lambda rng: damage.mutate(rng, CUT, 512 + rng.randrange(8, 100)),
        ],
        worked=(0.1, 0.8),
    )
