import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.ncnn.parse import parse

LINES = ["Input x 0 1 x 0=4 1=4 2=3", "ReLU r 1 1 x y 0=0.1 -23303=2,1,-2 -23330=4,3,4,4,3"]


def text(*lines, head="7767517\n2 2\n"):
    return (head + "\n".join(lines or LINES) + "\n").encode()


def test_lines():
    records = parse("a.param", text(), Limits())
    assert records[1].values == {0: "0.1"}
    assert records[1].arrays[3] == ("1", "-2")
    assert records[1].integers(3) == (1, -2)
    assert (records[1].line, records[1].bottoms, records[1].tops) == (4, ("x",), ("y",))


@pytest.mark.parametrize(
    "data", [text(head="2 2\n"), text().replace(b"\n", b"\r\n"), text() + b"\n\n"]
)
def test_files_without_magic_and_other_line_ends(data):
    assert len(parse("a", data, Limits())) == 2


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "end of file: found ''"),
        (b"7767517\n", "counts of layers and blobs"),
        (b"\xff", "line 1: found byte 0xff"),
        (text(head="7767517\n3 2\n"), "found 2 layer lines, expected 3"),
        (text(head="7767517\n2 1\n"), "2 blobs up to here, expected 1"),
        (text(head="7767517\n-2 2\n"), "counts of layers and blobs"),
        (text(head="7767517\n0 0\n"), "no layers"),
        (text(head="7767517\n2147483648 2\n"), "counts of"),
        (text(LINES[0], "ReLU r 1 1 z y"), "line 4 .*bottom 'z', which no earlier line"),
        (text(LINES[0], "ReLU r 1 1 y y"), "bottom 'y', which no earlier line"),
        (text(LINES[0], "ReLU x 1 1 x y"), "second layer of this name"),
        (text(LINES[0], "ReLU r 1 1 x x"), "second writer of blob 'x'"),
        (text(LINES[0], "ReLU r 2 1 x y"), "expected 2 bottoms and 1 tops"),
        (text(LINES[0], "ReLU r 1 999999999 x y"), "999999999 tops"),
        (text(LINES[0], "ReLU r -1 1 x y"), "type, name, number of bottoms"),
        (text(LINES[0], "ReLU r 1 1 x y 0"), "key=value"),
        (text(LINES[0], "ReLU r 1 1 x y 99=1"), "key=value"),
        (text(LINES[0], "ReLU r 1 1 x y -23301=3,1,2"), "2 numbers in '-23301=3,1,2'"),
        (text(LINES[0], "ReLU r 1 1 x y -23301=x"), "0 numbers"),
        (text(LINES[0], "ReLU " + "n" * 300 + " 1 1 x y"), r"Limits\.max_name"),
    ],
)
def test_refusals_name_the_line(data, match):
    with pytest.raises(FormatError, match=match):
        parse("a", data, Limits())


def test_a_million_layers():
    lines = b"ReLU r 1 1 x y\n" * 1_000_000
    with pytest.raises(FormatError, match=r"Limits\.max_layers"):
        parse("a", b"7767517\n1000000 1000000\n" + lines, Limits())
    with pytest.raises(FormatError, match=r"Limits\.max_layers"):
        parse("a", text(), Limits(max_layers=1))
