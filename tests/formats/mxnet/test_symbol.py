import json

import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.mxnet.symbol import parse_symbol

NODES = [
    {"op": "null", "name": "data", "inputs": []},
    {"op": "clip", "name": "c", "attrs": {"a_min": "0", "a_max": "6"}, "inputs": [[0, 0]]},
]


def parse(nodes=NODES, heads=([1, 0, 0],), **limits):
    text = json.dumps({"nodes": nodes, "heads": list(heads)}).encode()
    return parse_symbol("a-symbol.json", text, Limits(**limits))


def change(**fields):
    return [NODES[0], {**NODES[1], **fields}]


@pytest.mark.parametrize("key", ["param", "attr", "attrs"])
def test_attributes_of_every_version(key):
    node = {"op": "clip", "name": "c", key: {"a_min": "0"}, "inputs": [[0, 0, 0]]}
    found = parse([NODES[0], node])
    assert found.records[1].attributes == {"a_min": "0"}
    assert found.records[1].inputs == ((0, 0),)
    assert found.heads == ((1, 0),)


@pytest.mark.parametrize("inputs", [[[1, 0]], [[2, 0]], [[-1, 0]], [[0, -1]], [[1 << 63, 0]]])
def test_cycles_and_missing_inputs(inputs):
    with pytest.raises(FormatError, match=r"a-symbol\.json, node 1: found inputs"):
        parse(change(inputs=inputs))


@pytest.mark.parametrize("inputs", [[0], "x", [[0]], [[0, "a"]], [[True, 0]], None])
def test_inputs_of_another_form(inputs):
    with pytest.raises(FormatError, match="earlier nodes"):
        parse(change(inputs=inputs))


def test_names():
    with pytest.raises(FormatError, match="second node of this name"):
        parse(change(name="data"))
    for name in ("", None, "a\0", 3):
        with pytest.raises(FormatError, match="printable text"):
            parse(change(name=name))
    with pytest.raises(FormatError, match=r"Limits\.max_name"):
        parse(change(name="n" * 300))


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"{}", b'{"nodes": []}', b"\xff\xfe", b"[" * 9999]
)
def test_what_is_no_graph(text):
    with pytest.raises(FormatError, match=r"^a-symbol\.json"):
        parse_symbol("a-symbol.json", text, Limits())


def test_heads():
    for heads in ((), ([2, 0],), ([0],)):
        with pytest.raises(FormatError, match="heads"):
            parse(heads=heads)


def test_a_million_layers_are_refused_before_they_are_parsed():
    node = b'{"op": "a", "name": "b", "inputs": []},'
    text = b'{"nodes": [' + node * 1_000_000 + b"{}]}"
    with pytest.raises(FormatError, match=r"1,000,000 nodes .*Limits\.max_layers"):
        parse_symbol("a", text, Limits())
    with pytest.raises(FormatError, match=r"2 nodes, expected at most 1|2 nodes and"):
        parse(max_layers=1)
