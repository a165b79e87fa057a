"""Finding the reader of a file: plugins, content, helpful errors."""

import io
from importlib.metadata import EntryPoint

import numpy as np
import pytest

import zqcnn_xp.formats as formats
from zqcnn_xp.errors import FormatError, InputError
from zqcnn_xp.formats import find_reader, list_formats, read_graph
from zqcnn_xp.formats.zqcnn import reader as zqcnn
from zqcnn_xp.graph import Graph

TEXT = b"Input name=x C=3 H=4 W=4\nPReLU name=p bottom=x top=y\n"
SLOPES = np.float32([1, 2, 3]).tobytes()


class Other:
    """A reader of files that start with OTHER."""

    name = "other"
    seen = None

    def sniff(self, head, filename=None):
        return head.startswith(b"OTHER") or filename == "net.other"

    def read(self, model, weights=None, **options):
        type(self).seen = (model, weights, options)
        return zqcnn.read(TEXT, SLOPES)


class Raises(Other):
    """A reader that fails when it is asked."""

    def sniff(self, head, filename=None):
        raise KeyError(filename)


class Greedy(Other):
    """A reader that takes everything."""

    def sniff(self, head, filename=None):
        return True


other, raises, greedy, nothing = Other(), Raises(), Greedy(), 3


@pytest.fixture
def plugins(monkeypatch):
    """Replace the installed plugins."""

    def install(**values):
        points = [
            EntryPoint(name, value, formats.GROUP)
            for name, value in {"zqcnn": "zqcnn_xp.formats.zqcnn:reader", **values}.items()
        ]
        loaded = {p.name: globals().get(p.value.partition(":")[2]) for p in points}
        load = EntryPoint.load

        def fake(self):
            if self.value.startswith("here:"):
                return loaded[self.name]
            return load(self)

        monkeypatch.setattr(EntryPoint, "load", fake)
        monkeypatch.setattr(formats, "entry_points", lambda group: points)

    return install


def test_the_installed_readers_are_found():
    assert list_formats()["zqcnn"] is zqcnn
    assert list(list_formats()) == sorted(list_formats())


def test_a_third_party_reader_is_taken_by_content_and_gets_the_options(plugins):
    plugins(other="here:other")
    graph = read_graph(b"OTHER...", None, compat="zqcnn", fold=False)
    assert isinstance(graph, Graph)
    assert Other.seen == (b"OTHER...", None, {"compat": "zqcnn", "fold": False})


def test_a_file_name_reaches_the_reader(plugins, tmp_path):
    plugins(other="here:other")
    path = tmp_path / "net.other"
    path.write_bytes(b"anything")
    assert find_reader(path)[0] is other


def test_a_broken_plugin_warns_and_does_not_break_the_rest(plugins):
    plugins(broken="no_such_module_anywhere:reader")
    with pytest.warns(RuntimeWarning, match=r"'broken' \(no_such_module.* cannot be loaded"):
        graph = read_graph(TEXT, SLOPES)
    assert graph.outputs == ("y",)


def test_a_named_format_loads_its_plugin_alone(plugins):
    plugins(broken="no_such_module_anywhere:reader")
    # Loading the other one would warn, which is an error here.
    assert find_reader(TEXT, "zqcnn")[0] is zqcnn
    with pytest.warns(RuntimeWarning, match="cannot be loaded"), pytest.raises(InputError):
        find_reader(TEXT, "broken")


def test_a_plugin_that_is_no_reader_warns(plugins):
    plugins(nothing="here:nothing")
    with pytest.warns(RuntimeWarning, match="'nothing' .* is no reader: it needs name"):
        assert list(list_formats()) == ["zqcnn"]


def test_a_plugin_that_fails_to_look_warns(plugins):
    plugins(raises="here:raises")
    with pytest.warns(RuntimeWarning, match="'raises' failed to look at the model"):
        assert find_reader(TEXT)[0] is zqcnn


def test_two_readers_of_one_file(plugins):
    plugins(greedy="here:greedy")
    with pytest.raises(FormatError, match="a file that greedy and zqcnn can read, expected format"):
        find_reader(TEXT)
    assert find_reader(TEXT, "zqcnn")[0] is zqcnn


def test_no_reader_for_a_file(tmp_path):
    path = tmp_path / "photo.zqparams"
    path.write_bytes(b"\x89PNG....")
    with pytest.raises(FormatError, match=r"photo.zqparams, start of file: .*PNG.* zqcnn"):
        read_graph(path)


def test_an_empty_file():
    with pytest.raises(FormatError, match="an empty file"):
        read_graph(b"")


def test_model_and_weights_swapped():
    with pytest.raises(FormatError, match="swapped"):
        read_graph(SLOPES, TEXT)


def test_an_unknown_format():
    with pytest.raises(InputError, match="did you mean 'zqcnn'"):
        read_graph(TEXT, SLOPES, format="zqcn")


def test_all_sources_give_the_same_graph(tmp_path):
    model, weights = tmp_path / "a.zqparams", tmp_path / "a.nchwbin"
    model.write_bytes(TEXT)
    weights.write_bytes(SLOPES)
    graphs = [
        read_graph(model, weights),
        read_graph(str(model), str(weights)),
        read_graph(TEXT, SLOPES),
        read_graph(io.BytesIO(TEXT), io.BytesIO(SLOPES)),
    ]
    with model.open("rb") as m, weights.open("rb") as w:
        graphs.append(read_graph(m, w))
    assert len({(g.outputs, g.nodes[0].op) for g in graphs}) == 1
    assert all(g.nodes[0].weights["slope"].tolist() == [1, 2, 3] for g in graphs)
    assert graphs[0].nodes[0].where == graphs[-1].nodes[0].where == "a.zqparams:2"
