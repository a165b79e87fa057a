"""The text of .zqparams files as records."""

import warnings

import pytest

from zqcnn_xp.errors import FormatError, UnknownKeyWarning
from zqcnn_xp.formats import Limits
from zqcnn_xp.formats.zqcnn.lower import RULES
from zqcnn_xp.formats.zqcnn.parse import parse
from zqcnn_xp.formats.zqcnn.vocabulary import TYPES

TYPE_NAMES = """
Convolution DeConvolution DepthwiseConvolution BatchNormScale BatchNorm Scale AddBias PReLU ReLU
ReLU6 Softmax Pooling Copy Dropout InnerProduct LSTM_TF Eltwise UpSampling ScalarOperation
UnaryOperation Sqrt Tile Reduction LRN Normalize Permute Flatten Reshape Squeeze PriorBox
PriorBoxText PriorBox_MXNET Concat DetectionOutput DetectionOutput_MXNET Input
"""
HEAD = "Input name=data C=3 H=8 W=8\n"


def records(text, limits=None):
    data = text if isinstance(text, bytes) else text.encode()
    return parse("net", data, limits or Limits())


def fails(text, match, limits=None):
    with pytest.raises(FormatError, match=match) as caught:
        records(text, limits)
    return caught.value


LINES = ["Input name=data C=3", "", "  \t", "#Convolution name=x", " # note", "ReLU name=r top=t"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "end"])
def test_line_ends_blank_lines_and_comments(end, last):
    found = records(end.join(LINES) + (end if last else ""))
    assert [(r.line, r.kind) for r in found] == [(1, "Input"), (6, "ReLU")]
    assert found[1].fields == (("name", "r"), ("top", "t"))


def test_a_byte_order_mark():
    assert records(b"\xef\xbb\xbf" + (HEAD + "Copy name=c").encode())[0].kind == "Input"


def test_a_comment_in_any_encoding():
    assert len(records(HEAD.encode() + b"#\xff\xfe\xb0\x01\nCopy name=c")) == 2


def test_types_and_keys_are_case_insensitive_and_names_are_not():
    found = records("INPUT NAME=Data c=3\nbAtChNoRmScAlE Name=Bn BOTTOM=Data Top=Out BIAS EPS=1")
    assert found[1].kind == "BatchNormScale"
    assert (found[1].name, found[1].bottoms, found[1].tops) == ("Bn", ("Data",), ("Out",))
    assert found[1].switch("bias")
    assert found[1].number("eps") == 1


def test_separators_are_runs_of_equals_and_colons():
    found = records("Input name:data C==3\nConcat name=c bottom:a bottom=:=b top=t=u axis:2")
    assert found[0].integer("c") == 3
    assert found[1].bottoms == ("a", "b")
    assert found[1].tops == ("t",)  # the third piece never counts
    assert found[1].integer("axis") == 2


def test_a_later_key_overrides_an_earlier_one():
    assert records(HEAD + "Softmax name=s axis=1 axis=2")[1].integer("axis") == 2


def test_names_may_hold_slashes_dashes_and_letters_of_any_script():
    assert records(HEAD + "Copy name=a/b-c_ü臉")[1].name == "a/b-c_ü臉"


def test_an_unknown_type_names_the_line_and_the_nearest():
    error = fails(HEAD + "\nConvolutoin name=c", "did you mean Convolution")
    assert (error.file, error.where) == ("net", "line 3")
    fails(HEAD + "Zzz name=c", "expected a known layer type")


def test_all_types_of_the_original_are_known():
    types = TYPE_NAMES.split()
    assert len(types) == 36
    assert sorted(TYPES.values()) == sorted(types)
    assert sorted(RULES) == sorted(set(types) - {"Input"})
    for kind in types[:-1]:
        assert records(HEAD + f"{kind.upper()} name=c")[-1].kind == kind


def test_an_unknown_key_warns_once_a_line():
    with pytest.warns(UnknownKeyWarning, match=r"net, line 2: .* of ReLU: 'slop', 'x' .*'slope'"):
        records(HEAD + "ReLU name=r slop=1 x=2 slop=3")


def test_known_keys_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        records(HEAD + "Pooling name=p global_pool pad_W_left=1 KERNEL_SIZE=3 pool=MAX stride=1")


@pytest.mark.parametrize(
    ("text", "where", "match"),
    [
        ("", "end of file", "no Input line"),
        ("# only a comment", "end of file", "no Input line"),
        (HEAD, "end of file", "no layer"),
        ("ReLU name=r", "line 1", "ReLU as the first layer"),
        (HEAD + HEAD.replace("data", "other"), "line 2", "a second Input"),
        (HEAD + "Copy name=a\nCopy name=a", "line 3", r"a second layer named 'a'.*first on line 2"),
        (HEAD + "Copy name=data", "line 2", "a second layer named 'data'"),
        (HEAD + "Copy bottom=a", "line 2", "without 'name'"),
        (HEAD + "Copy name bottom=a", "line 2", "'name' without a value"),
        (HEAD + "Copy name=", "line 2", "'name' without a value"),
        (HEAD + "Copy name=a\x00b", "line 2", "expected printable text"),
        (HEAD + "Copy name=a\x1bb", "line 2", "expected printable text"),
        (HEAD.encode() + b"Copy name=\xff", "line 2", "byte 0xff, which is not UTF-8"),
    ],
)
def test_what_is_refused(text, where, match):
    assert fails(text, match).where == where


def test_limits():
    two = HEAD + "Copy name=a\nCopy name=b"
    fails(two, r"line 3: found more than 2 layers.*Limits\.max_layers", Limits(max_layers=2))
    assert len(records(two, Limits(max_layers=3))) == 3
    fails(two, r"bytes of text.*Limits\.max_text", Limits(max_text=10))
    long = HEAD + f"Copy name={'n' * 300}"
    fails(long, r"line 2: found a word of 305 characters.*Limits\.max_name")
    assert records(long, Limits(max_name=300))[1].name == "n" * 300
    fails(HEAD + "Concat " + "bottom=a " * 10_001, "words, expected at most 10,000")
    fails(HEAD + "#" * ((1 << 20) + 1), "line 2: found a line of")


def test_a_million_layers(counted):
    lines = b"".join(b"ReLU name=r%d bottom=data top=data\n" % k for k in range(1_000_000))
    text = b"Input name=data C=3 H=8 W=8\n" + lines
    fails(text, "line 100001: found more than 100,000 layers")
    # Work goes by the limit, not by the size of the file.
    with counted(60_000):
        fails(text, "line 1001: found more than 1,000 layers", Limits(max_layers=1000))
