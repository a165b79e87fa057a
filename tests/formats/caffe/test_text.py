"""The grammar of text definitions."""

import numpy as np
import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.caffe.message import Word
from zqcnn_xp.formats.caffe.text import parse_text
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.source import Source


def parse(text, **limits):
    data = text if isinstance(text, bytes) else text.encode()
    return parse_text(Source("a.prototxt", data), Limits(**limits))


def fails(text, match, **limits):
    with pytest.raises(FormatError, match=match) as caught:
        parse(text, **limits)
    return str(caught.value)


def values(text):
    return [(field.name, field.value) for field in parse(text).fields]


def test_scalars_comments_and_separators():
    text = "# head\nname: 'a' ; input_dim: 0x10, input_dim:-3 # end\nx: .5f y: 1e-5 z: true"
    found = [("name", "a"), ("input_dim", "0x10"), ("input_dim", "-3")]
    assert values(text) == [*found, ("x", ".5f"), ("y", "1e-5"), ("z", "true")]


def test_words_and_text_differ():
    root = parse('name: "a" phase: TEST')
    assert not isinstance(root.fields[0].value, Word)
    assert isinstance(root.fields[1].value, Word)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r'"a\"b"', 'a"b'),
        (r"'it\'s'", "it's"),
        (r'"\x41\101\n"', "AA\n"),
        ('"one" \'two\'\n"three"', "onetwothree"),
        ('"µ"', "µ"),
        (r'"\303\251"', "é"),
        ('""', ""),
        ('"a#b{"', "a#b{"),
    ],
)
def test_text(written, meant):
    assert values(f"name: {written}") == [("name", meant)]


def test_messages_of_every_form():
    root = parse("layer { a: 1 } layer: { a: 2 } layer < a: 3 > layer{pool{b:1}}")
    assert [m.integer("a", 0) for m in root.messages("layer")] == [1, 2, 3, 0]
    assert root.messages("layer")[3].message("pool").integer("b", 0) == 1
    assert root.messages("layer")[0].kind == "LayerParameter"


def test_lists():
    assert parse("input_dim: [1, 3, 12 , 12]").integers("input_dim") == (1, 3, 12, 12)
    assert parse("input_dim: []").integers("input_dim") == ()


def test_places_count_lines():
    root = parse("\n\n  layer {\n a: 1\n\tb: x }\n")
    (layer,) = root.messages("layer")
    assert layer.where == "line 3"
    assert str(layer.error("x", "y", layer.fields[1])).startswith("a.prototxt, line 5: ")


def test_a_byte_order_mark_and_carriage_returns():
    assert values(b"\xef\xbb\xbfname: 'a'\r\ninput_dim: 1\r\n") == [
        ("name", "a"),
        ("input_dim", "1"),
    ]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("name", "the end of the file"),
        ("name:", "the end of the file.*a value"),
        ("layer {", "the end of the file.*a field or '}'"),
        ("layer { >", "'>'.*a field or '}'"),
        ("}", "'}'.*a field"),
        ("layer { a: 1", "the end of the file"),
        ("name: 'a", "a field or a value"),
        ("name: 'a\n'", "line 1"),
        ("name 5", None),
        ("5: 5", "'5'"),
        ("a: [1", "the end"),
        ("a: [1 2]", "',' or '\\]'"),
        ("a: [1,]", "after the comma"),
        ("a: [{ }]", "not a list"),
        ("a: {}}", "'}'"),
        ("a: @", "'@'"),
        ("[x.y]: 1", r"'\['"),
        (b"name: '\xff'", "not UTF-8"),
        ("a: :", "a value"),
        ("\n\nb: ]", "line 3"),
        ("a: " + "1" * 300, "at most 256"),
        ("a" * 300 + ": 1", "a field that Caffe knows"),
    ],
)
def test_what_is_refused(text, match):
    if match is None:  # a colon before a scalar may be left out nowhere, but nothing is lost
        assert values(text) == [("name", "5")]
        return
    fails(text, match)


def test_limits():
    fails("a {" * 40 + "}" * 40, "32 nested messages")
    assert parse("a {" * 31 + "}" * 31).fields
    fails("layer {} " * 11, "more than 10 layers", max_layers=10)
    fails("layers {} " * 11, "more than 10 layers", max_layers=10)
    assert len(parse("layer {} " * 10, max_layers=10).fields) == 10
    fails("dim: 1 " * 100, "more than 60 fields", max_layers=10)
    fails("dim: [" + "1," * 100 + "1]", "more than 60 fields", max_layers=10)
    fails("a: 1 " * 10, "at most 40", max_text=40)


def test_runs_of_numbers_are_arrays():
    text = "layer { blobs { data: 1 data: -2.5e-1\n data:3; data: .5 shape { dim: 4 } } }"
    (found,) = parse(text).messages("layer")[0].messages("blobs")
    np.testing.assert_array_equal(found.fields[0].value, [1, -0.25, 3, 0.5])
    assert found.fields[1].name == "shape"
    rows = "layer { blobs { double_data: 1 double_data: 2 } }"
    (found,) = parse(rows).messages("layer")[0].messages("blobs")
    np.testing.assert_array_equal(found.fields[0].value, [1, 2])


@pytest.mark.parametrize("odd", ["nan", "inf", "1f", "1.2.3", "[5]", '"5"', "1e"])
def test_odd_numbers_in_a_run_stay_fields(odd):
    text = f"layer {{ blobs {{ data: 1 data: 2 data: {odd} data: 4 }} }}"
    (found,) = parse(text).messages("layer")[0].messages("blobs")
    assert sum(np.size(f.value) for f in found.fields) == 4


def test_a_million_numbers_are_quick():
    numbers = np.random.default_rng(0).standard_normal(300_000).astype(np.float32)
    text = "layer { blobs { " + "".join(f"data: {v!s}\n" for v in numbers) + "} }"
    (found,) = parse(text, max_layers=1).messages("layer")[0].messages("blobs")
    np.testing.assert_array_equal(found.fields[0].value.astype(np.float32), numbers)
