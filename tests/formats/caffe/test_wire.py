"""Binary networks."""

import struct

import numpy as np
import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.caffe.wire import parse_binary
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.source import Source


def parse(data, weights_only=False, **limits):
    return parse_binary(Source("a.caffemodel", data), Limits(**limits), weights_only)


def fails(data, match, **limits):
    with pytest.raises(FormatError, match=match):
        parse(data, **limits)


def test_scalars(cf):
    root = parse(cf.field(1, "net") + cf.field(4, 7) + cf.field(4, -1) + cf.field(3, "data"))
    assert root.text("name") == "net"
    assert root.integers("input_dim") == (7, -1)
    assert root.texts("input") == ("data",)


def test_packed_and_single_numbers(cf):
    packed = cf.field(8, cf.field(1, b"\x01\x03\xac\x02"))
    single = cf.field(8, cf.field(1, 1) + cf.field(1, 3) + cf.field(1, 300))
    for data in (packed, single):
        assert parse(data).message("input_shape").integers("dim") == (1, 3, 300)


def test_floats_are_the_shortest_decimals(cf):
    eps = b"\x1d" + struct.pack("<f", 1e-5)
    data = cf.field(100, cf.field(139, eps))
    param = parse(data).messages("layer")[0].message("batch_norm_param")
    assert param.number("eps", 0) == 1e-5
    packed = cf.field(100, cf.field(110, cf.field(2, struct.pack("<2f", 0.1, -3))))
    param = parse(packed).messages("layer")[0].message("eltwise_param")
    assert param.numbers("coeff") == (0.1, -3)


@pytest.mark.parametrize("form", ["shape", "single", "double", "legacy"])
def test_weights_in_every_form(cf, form):
    array = cf.noise(3, 2, 2, 2)
    root = parse(cf.weights(form, a=[array, array[0]]))
    found = root.messages("layer")[0].messages("blobs")
    for message, want in zip(found, (array, array[0]), strict=True):
        name = "double_data" if form == "double" else "data"
        (numbers,) = (field.value for field in message.all(name))
        np.testing.assert_array_equal(numbers, want.ravel())


def test_what_training_alone_reads_is_skipped(cf):
    data = cf.field(100, cf.field(1, "a") + cf.field(6, b"\xff\xff") + cf.field(999, b"zz"))
    (layer,) = parse(data).messages("layer")
    assert [field.name for field in layer.fields] == ["name"]


def test_parameters_of_forks_do_not_matter_beside_a_definition(cf):
    data = cf.field(100, cf.field(1, "a") + cf.field(147, 5) + cf.field(7, cf.blob([1.0])))
    fails(data, "byte 9: found swish_param in wire type 0")
    (layer,) = parse(data, weights_only=True).messages("layer")
    assert [field.name for field in layer.fields] == ["name", "blobs"]


def test_what_is_refused(cf):
    fails(b"\x0a\x05ab", r"byte 0: found 5 bytes in field 1 .*at most the 2")
    fails(b"\x0b", "field 1 of wire type 3")
    fails(b"\x02\x00", "field 0 of wire type 2")
    fails(b"\x80" * 12, "a number that does not end")
    fails(cf.field(1, b"\xff"), "not UTF-8")
    fails(cf.field(100, cf.field(7, cf.field(5, b"12345"))), "5 bytes of data.*multiple of 4")
    fails(cf.field(100, b"") * 11, "more than 10 layers", max_layers=10)
    fails(cf.field(3, "x") * 61, "fields", max_layers=10)
    fails(cf.field(8, cf.field(1, b"\x01" * 100)), "fields", max_layers=10)


def test_a_run_ends_where_another_field_starts(cf):
    data = cf.blob(np.arange(5.0), "single") + cf.field(1, 9)
    message = parse(cf.field(100, cf.field(7, data))).messages("layer")[0].messages("blobs")[0]
    np.testing.assert_array_equal(message.fields[0].value, np.arange(5))
    assert message.integer("num", 0) == 9
