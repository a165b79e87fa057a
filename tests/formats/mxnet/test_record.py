import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.mxnet.record import Record


def record(**attributes):
    return Record("a.json", 7, "Pooling", "p", attributes, ())


@pytest.mark.parametrize("text", ["(3, 4)", "[3,4]", "(3L, 4L)", "3, 4", "(3,4,)"])
def test_pairs_as_every_version_writes_them(text):
    assert record(kernel=text).pair("kernel") == (3, 4)


def test_defaults():
    empty = record(a="None", b="()")
    assert empty.integer("a", 5) == 5
    assert empty.number("a", 0.5) == 0.5
    assert empty.pair("b", 1) == (1, 1)
    assert empty.switch("c", True)
    assert record(c="0", d="True").switch("c", True) is False
    assert record(v="(None, -2)").items("v") == (None, -2)


@pytest.mark.parametrize(
    "ask",
    [
        lambda r: r.integer("word"),
        lambda r: r.integer("large"),
        lambda r: r.integer("negative"),
        lambda r: r.integer("missing"),
        lambda r: r.number("word"),
        lambda r: r.number("nan"),
        lambda r: r.number("missing"),
        lambda r: r.switch("word"),
        lambda r: r.pair("one"),
        lambda r: r.pair("missing"),
        lambda r: r.items("long"),
        lambda r: r.choice("word", None, ("max", "avg")),
    ],
)
def test_refusals_name_the_node(ask):
    found = record(
        word="x", large="99999999999", negative="-1", nan="nan", one="(1)", long="1," * 99
    )
    with pytest.raises(FormatError, match=r"a\.json, node 7 \(Pooling 'p'\): found"):
        ask(found)
