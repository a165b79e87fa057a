"""Features in MATLAB 7.3 files: read as they were written, or refused; never more than is there."""

from __future__ import annotations

import io
import subprocess
import sys
from importlib.resources import files

import h5py
import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation.feature_files import read_features
from zqcnn_xp.evaluation.hdf5_arrays import read_hdf5
from zqcnn_xp.evaluation.mat_file import load_mat

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(37, 21)).astype(np.float32)
HEADER = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM"


def written(make, header=HEADER):
    """Bytes of a file as MATLAB writes one: its own header, then HDF5 of the first format."""
    held = io.BytesIO()
    with h5py.File(held, "w", userblock_size=512, libver="earliest") as file:
        make(file)
    return header.ljust(512, b"\0") + held.getvalue()[512:]


def saved(array=FEATURES, name="features", matlab_class="single", **options):
    def make(file):
        held = file.create_dataset(name, data=np.asarray(array).T, **options)
        held.attrs["MATLAB_class"] = np.bytes_(matlab_class)

    return written(make)


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", ">f4", ">f8", "u1", "i1", "u2", ">i2", "u4", "i4", "u8", ">i8"]
)
def test_every_type(dtype):
    array = (100 * RNG.normal(size=(5, 3))).astype(dtype)
    found = load_mat(saved(array), ["features"])["features"]
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    assert found.shape == (5, 3)
    assert (found == array).all()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (8, 10)},
        {"chunks": (1, 1)},
        {"chunks": (8, 10), "compression": "gzip"},
        {"chunks": (8, 10), "compression": "gzip", "shuffle": True, "fletcher32": True},
        {"chunks": (8, 10), "shuffle": True},
        {"maxshape": (None, None)},
    ],
)
def test_every_layout(options):
    found = load_mat(saved(**options), ["features"])
    assert (found["features"] == FEATURES).all()
    assert found["features"].flags.c_contiguous


def test_variables_that_are_asked_for():
    def make(file):
        for k in range(100):
            file[f"v{k:03d}"] = np.full((2, 1), float(k))
        file["#refs#/a"] = [1.0]

    found = load_mat(written(make), ["v007", "v099", "v007"])
    assert list(found) == ["v007", "v099"]
    assert found["v099"].tolist() == [[99.0, 99.0]]


def test_well_packed_values_are_read():
    zeros = np.zeros((1000, 2000), np.float32)
    data = saved(zeros, compression="gzip", compression_opts=9)
    assert len(data) < zeros.nbytes / 200
    assert not load_mat(data, ["features"])["features"].any()


def test_a_file_of_matlab():
    place = files("scipy.io.matlab") / "tests" / "data" / "testhdf5_7.4_GLNX86.mat"
    if not place.is_file():
        pytest.skip("scipy is installed without its tests")
    found = load_mat(place.read_bytes(), ["testdouble"])["testdouble"]
    assert found.shape == (1, 9)
    assert found == pytest.approx(np.arange(9).reshape(1, 9) * np.pi / 4)


def test_as_features(tmp_path):
    path = tmp_path / "f.mat"
    path.write_bytes(saved(compression="gzip"))
    assert (read_features(path).features == FEATURES).all()
    assert (read_features(path, key="features").array() == FEATURES).all()


def test_without_h5py(tmp_path):
    (tmp_path / "f.mat").write_bytes(saved())
    code = (
        "import sys; sys.modules['h5py'] = None\n"
        "from zqcnn_xp.evaluation.mat_file import load_mat\n"
        "load_mat('f.mat', ['features'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "reading MATLAB 7.3 files needs h5py" in done.stderr
    assert "pip install 'zqcnn-xp[eval]'" in done.stderr


def sparse(file):
    """A terabyte that takes a kilobyte, since nothing of it was ever written."""
    file.create_dataset("features", (1 << 19, 1 << 19), "f4", chunks=(64, 64))


def late(file):
    """Space for values that is taken when they are written, which they never are."""
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
    space = h5py.h5s.create_simple((100, 100))
    h5py.h5d.create(file.id, b"features", h5py.h5t.NATIVE_FLOAT, space, settings)


def outside(file):
    file.create_dataset("features", (2, 2), "u1", external=[("/etc/hostname", 0, 4)])


def virtual(file):
    layout = h5py.VirtualLayout((2, 2), "f4")
    layout[:] = h5py.VirtualSource("other.mat", "x", (2, 2))
    file.create_virtual_dataset("features", layout)


def external(file):
    file["features"] = h5py.ExternalLink("other.mat", "x")


def soft(file):
    file["x"] = FEATURES
    file["features"] = h5py.SoftLink("/x")


def group(file):
    file["features/part"] = FEATURES


def cells(file):
    held = file.create_dataset("features", (1, 1), h5py.ref_dtype)
    held.attrs["MATLAB_class"] = np.bytes_("cell")


def empty(file):
    """As MATLAB saves zeros(0, 3): the shape, as if it were values."""
    held = file.create_dataset("features", data=np.array([0, 3], np.uint64))
    held.attrs.update(MATLAB_class=np.bytes_("double"), MATLAB_empty=np.uint8(1))


def complex_numbers(file):
    kind = [("real", "<f8"), ("imag", "<f8")]
    held = file.create_dataset("features", data=np.zeros(3, kind))
    held.attrs["MATLAB_class"] = np.bytes_("double")


def wide_pieces(file):
    file.create_dataset("features", (2, 2), "u1", chunks=(1 << 15, 1 << 15), maxshape=(None, None))


REFUSED = [
    (saved(name="footures"), "found footures, expected the variables features"),
    (saved(np.array([[72, 105]], "u2"), matlab_class="char"), "a char, expected integers or"),
    (written(empty), "an empty array, expected some numbers"),
    (written(complex_numbers), r"a \[\('real', '<f8'\), \('imag', '<f8'\)\], expected integers or"),
    (written(cells), "a cell, expected integers or floats; save cells, text"),
    (saved(np.array([[b"ab"]])), "expected integers or floats"),
    (saved(np.zeros((0, 3))), "found 0 bytes, expected some"),
    (saved(chunks=(8, 10), compression="lzf"), "the filter 32000, expected deflate, shuffle"),
    (written(sparse), r"found 1,099,511,627,776 bytes, expected some, and at most"),
    (written(late), "found 0 stored bytes, expected enough for 40,000"),
    (written(wide_pieces), r"pieces of 1,073,741,824 bytes, expected at most|found 0 pieces"),
    (written(outside), "an array that lies in other files"),
    (written(virtual), "an array that lies in other files"),
    (written(external), r"a link \(ExternalLink\)"),
    (written(soft), r"a link \(SoftLink\)"),
    (written(group), "a group, expected an array of numbers"),
    (HEADER + bytes(5000), "what HDF5 refuses"),
    (saved()[:-3000], "what HDF5 refuses"),
]


@pytest.mark.parametrize(("data", "words"), REFUSED, ids=[words[:30] for _, words in REFUSED])
def test_what_is_refused(data, words):
    with pytest.raises(DatasetError, match=words) as raised:
        load_mat(data, ["features"])
    assert raised.value.file == "<bytes>"


def test_pieces_that_were_never_written():
    def make(file):
        held = file.create_dataset("features", (64, 64), "f4", chunks=(8, 8))
        held[:8] = 1

    with pytest.raises(DatasetError, match="found 8 pieces, expected 64 for its shape"):
        load_mat(written(make), ["features"])


def test_no_more_than_asked_for():
    with pytest.raises(DatasetError, match="found 3,108 bytes, expected some, and at most 3,000"):
        read_hdf5("<bytes>", saved(), ["features"], 3000)


def test_truncated(judge):
    read = judge(lambda data: load_mat(data, ["features"]))
    whole = saved(chunks=(8, 10), compression="gzip")
    assert read(whole)
    assert sum(read(whole[:size]) for size in range(0, len(whole) - 64, 7)) == 0


def test_mutants(judge, damage):
    plain, cut = saved(), saved(chunks=(8, 10), compression="gzip", shuffle=True)
    judge(lambda data: load_mat(data, ["features"])).trials(
        [
            *(lambda rng, whole=whole: damage.mutate(rng, whole) for whole in (plain, cut)),
            lambda rng: plain[:512] + damage.mutate(rng, plain[512:], rng.randrange(200)),
            lambda rng: damage.mutate(rng, cut, 512 + rng.randrange(8, 100)),
        ],
        worked=(0.02, 0.8),
    )
