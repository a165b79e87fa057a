import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.formats import list_formats
from zqcnn_xp.formats.options import beside, check_options, check_size


def test_options():
    check_options(None, {}, ("limits",))
    with pytest.raises(InputError, match="only ZQCNN's files"):
        check_options("zqcnn", {}, ())
    with pytest.raises(InputError, match="did you mean 'limits'"):
        check_options(None, {"limit": 1}, ("limits",))


def test_rules():
    check_options(None, {}, (), rules=("zqcnn",))
    check_options("zqcnn", {}, (), rules=("zqcnn",))
    with pytest.raises(InputError, match=r"compat='caffe', expected None or 'zqcnn'$"):
        check_options("caffe", {}, (), rules=("zqcnn",))


@pytest.mark.parametrize("reader", list_formats().values(), ids=lambda reader: reader.name)
def test_every_reader_refuses_what_it_does_not_know(reader):
    with pytest.raises(InputError, match="compat='caffe', expected None"):
        reader.read(b"", None, compat="caffe")
    if reader.name != "zqcnn":
        with pytest.raises(InputError, match="compat='zqcnn', expected None: only ZQCNN's"):
            reader.read(b"", None, compat="zqcnn")
    with pytest.raises(InputError, match=r"option 'limit', .* did you mean 'limits'"):
        reader.read(b"", None, fold=False, limit=1)


def test_sizes():
    assert check_size(None) is None
    assert check_size([3, 4]) == (3, 4)
    for size in ((True, 3), (0, 3), (3,), 3, (1 << 30, 1)):
        with pytest.raises(InputError, match="input_size"):
            check_size(size)


def test_beside(tmp_path):
    model = tmp_path / "a.param"
    find = lambda path: [path.with_suffix(".bin")]  # noqa: E731
    assert beside(model, b"given", find, "x") == b"given"
    with pytest.raises(InputError, match="no weights, expected the file"):
        beside(model, None, find, "the file")
    model.with_suffix(".bin").touch()
    assert beside(str(model), None, find, "x") == model.with_suffix(".bin")
    with pytest.raises(InputError, match="no weights"):
        beside(b"bytes", None, find, "x")
