"""The grammar of .cfg files."""

import warnings

import pytest

from zqcnn_xp.errors import FormatError, UnknownKeyWarning
from zqcnn_xp.formats import Limits
from zqcnn_xp.formats.darknet.parse import parse

NET = b"[net]\nwidth=8\nheight=8\nchannels=3\n"


def read(text, **limits):
    return parse("a.cfg", text, Limits(**limits))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_blanks_comments_and_line_ends(end, mark):
    lines = [b"# \xe4\xb8", b" ; [x]", b"[ network ]", b"width = 8 # pixels \xff", b"", b"[yolo]"]
    lines += [b"\tclasses =  4", b"anchors=1, 2,  3,4"]
    net, yolo = read(mark + end.join(lines))
    assert (net.kind, net.line, net.index, net.options["width"].text) == ("net", 3, -1, "8")
    assert (yolo.kind, yolo.line, yolo.index) == ("yolo", 6, 0)
    assert yolo.options["classes"].line == 7
    assert yolo.options["anchors"].text == "1,2,3,4"


@pytest.mark.parametrize(
    ("short", "kind"),
    [
        ("conv", "convolutional"), ("conn", "connected"), ("max", "maxpool"), ("avg", "avgpool"),
        ("local_avg", "local_avgpool"), ("soft", "softmax"), ("Gaussian_yolo", "gaussian_yolo"),
        ("silence", "empty"),
    ],
)  # fmt: skip
def test_spellings(short, kind):
    assert read(NET + f"[{short}]".encode())[1].kind == kind


@pytest.mark.parametrize(
    "kind",
    ["prelu", "batchnorm", "connected-locally", "local", "lstm", "gru", "crnn", "normalization"],
)
def test_other_layers_are_refused_by_name_and_line(kind):
    with pytest.raises(FormatError, match=rf"a.cfg, line 5: found section \[{kind}\].*not support"):
        read(NET + f"[{kind}]".encode())


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (b"", "end of file: found no .net. section"),
        (NET, "end of file: found no layer"),
        (b"[maxpool]\n" + NET, r"line 1, \[maxpool\]: found \[maxpool\] as the first section"),
        (NET + NET, r"line 5, \[net\]: found a second \[net\]"),
        (b"width=3\n" + NET, "line 1: found 'width=3'.*below a .section."),
        (NET + b"stride", "line 5: found 'stride'"),
        (NET + b"=3", "line 5: found '=3'"),
        (NET + b"[maxpol]", r"\[maxpol\].*did you mean \[maxpool\]"),
        (NET + b"[maxpool", "line 5.*in brackets"),
        (NET + b"[" + b"x" * 9000 + b"]", "line 5: found section"),
        (NET + b"[maxpool]\nsize=\xff", "line 6: found byte 0xff.*UTF-8"),
        (NET + b"[maxpool]\nsi\0ze=2", "printable"),
        (NET + b"x" * 300 + b"=1", "300 characters"),
        (NET + b"x" * (1 << 21), "2,097,152 bytes"),
    ],
)
def test_refusals(text, match):
    with pytest.raises(FormatError, match=match) as caught:
        read(text)
    assert len(str(caught.value)) < 400


def test_limits():
    text = NET + b"[avgpool]\n" * 4
    assert len(read(text, max_layers=4)) == 5
    with pytest.raises(FormatError, match=r"line 8.*Limits\.max_layers"):
        read(text, max_layers=3)
    with pytest.raises(FormatError, match=r"Limits\.max_text"):
        read(text, max_text=20)


def test_a_million_layers(counted):
    text = NET + b"[cost]\n" * 1_000_000
    with pytest.raises(FormatError, match=r"line 100005: .*more than 100,000.*Limits\.max_layers"):
        read(text)
    # Work goes by the limit, not by the size of the file.
    with counted(25_000), pytest.raises(FormatError, match=r"line 1005: .*more than 1,000 layers"):
        read(text, max_layers=1000)


def test_unknown_options_warn():
    with pytest.warns(UnknownKeyWarning, match=r"line 5.*\[maxpool\]: 'stirde'.*mean 'stride'"):
        read(NET + b"[maxpool]\nstirde=2")


def test_the_first_of_two_options_counts():
    with pytest.warns(UnknownKeyWarning, match="'size' more than once; the first"):
        _, pool = read(NET + b"[maxpool]\nsize=2\nsize=3")
    assert pool.options["size"].text == "2"


def test_training_options_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(NET + b"mosaic=1\n[dropout]\nprobability=.2\n[yolo]\nignore_thresh=.5\nanything=1")
