"""The .xml file: what is read of it, and what is refused."""

from __future__ import annotations

import pytest

from zqcnn_xp import FormatError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.openvino.parse import parse

HEAD = b'<?xml version="1.0"?>\n<net name="m" version="11">\n'
LAYER = b'<layer id="%d" name="n%d" type="ReLU" version="opset1"/>\n'


def read(body, head=HEAD, tail=b"</net>", limits=None):
    return parse("m.xml", head + body + tail, limits or Limits())


def test_layers_ports_and_edges():
    body = b"""<layers><layer id="4" name="c" type="Split" version="opset1">
    <data num_splits="2"/><rt_info><attribute name="fused" version="0"/></rt_info>
    <input><port id="0"><dim>1</dim></port><port id="1"/></input>
    <output><port id="2" names="a,b\\,c"/><port id="3"/></output></layer></layers>
    <edges><edge from-layer="1" from-port="0" to-layer="4" to-port="1"/></edges>
    <rt_info><MO_version value="x"/></rt_info>"""
    net = read(body)
    (layer,) = net.layers
    assert (layer.line, layer.number, layer.name, layer.kind) == (3, 4, "c", "Split")
    assert layer.attributes == {"num_splits": "2"}
    assert layer.inputs == (0, 1)
    assert [(p.number, p.names) for p in layer.outputs] == [(2, ("a", "b,c")), (3, ())]
    assert net.edges[0].source == (1, 0)
    assert net.edges[0].target == (4, 1)
    assert (net.name, net.version) == ("m", 11)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'<layers><layer id="1" type="ReLU"/><layer id="1" type="ReLU"/></layers>', "second"),
        (b'<layers><layer id="-1" type="ReLU"/></layers>', "id = '-1'"),
        (b'<layers><layer id="2147483648" type="ReLU"/></layers>', "2\\^31"),
        (b'<layers><layer id="9223372036854775808" type="ReLU"/></layers>', "number"),
        (b'<layers><layer type="ReLU"/></layers>', "id = none"),
        (b'<layers><layer id="1"/></layers>', "without a type"),
        (b'<layers><layer id="1" type="' + b"x" * 300 + b'"/></layers>', "characters"),
        (b'<layers><layer id="1" type="If"><then_body/></layer></layers>', "network inside"),
        (b'<layers><layer id="1" type="Loop"><body/></layer></layers>', "network inside"),
        (b"<pre-process/>", "pre-process"),
        (b'<edges><edge from-layer="1"/></edges>', "from-port = none"),
        (b"<a>" * 70, "deep"),
        (b"<layers>", "does not parse"),
        (b"&lol;", "does not parse"),
    ],
)
def test_refusals_name_the_line(body, detail):
    with pytest.raises(FormatError, match=rf"m\.xml, line \d+: .*{detail}"):
        read(body)


@pytest.mark.parametrize("version", [b"7", b"9", b"12", b"x"])
def test_other_versions(version):
    with pytest.raises(FormatError, match="version"):
        read(b"", head=b'<net version="' + version + b'">')


def test_document_types_and_entities_are_refused_before_they_grow(counted):
    bomb = b'<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "aaaaaaaaaa">'
    for k in range(12):
        previous = bytes([97 + k])
        bomb += b'<!ENTITY %c "%s">' % (98 + k, (b"&" + previous + b";") * 10)
    bomb += b']><net name="&m;" version="11"/>'
    with counted(500, memory=True) as work, pytest.raises(FormatError, match="document type"):
        parse("m.xml", bomb, Limits())
    assert work.memory < 1 << 20  # of 10^13 letters
    outside = b'<!DOCTYPE net SYSTEM "file:///etc/passwd"><net version="11"/>'
    with pytest.raises(FormatError, match="document type"):
        parse("m.xml", outside, Limits())


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"<net", b"<html/>", b'<?xml version="1.0"', b"\xff\xfe"]
)
def test_what_is_no_model(data):
    with pytest.raises(FormatError):
        parse("m.xml", data, Limits())


def test_a_million_layers(counted):
    body = b"<layers>" + b"".join(LAYER % (k, k) for k in range(1_000_000)) + b"</layers>"
    with pytest.raises(FormatError, match="found more than 100,000 layers") as error:
        read(body)
    assert error.value.where == "line 100003"
    # Work and memory go by the limit, not by the size of the file, whose text is copied twice.
    with (
        counted(30_000, memory=True) as work,
        pytest.raises(FormatError, match="line 1003: found more than 1,000 layers"),
    ):
        read(body, limits=Limits(max_layers=1000))
    assert work.memory - 2 * len(body) < 2.5 * (1 << 20)


def test_limits():
    with pytest.raises(FormatError, match="max_text"):
        read(b" " * 200, limits=Limits(max_text=100))
    with pytest.raises(FormatError, match="layers"):
        read(b"<layers>" + LAYER % (1, 1) + LAYER % (2, 2), limits=Limits(max_layers=1))
