"""Lists of pairs: the layouts in use, errors that name the line, missing images."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.evaluation import sources
from zqcnn_xp.evaluation.pairs import contiguous_folds, pairs_of_rows, read_pairs

LFW = b"""\
2\t2
Ann\t1\t4
Bob\t2\t3
Ann\t1\tBob\t1
Ann\t4\tEve\t12
Eve\t12\t13
Eve\t1\t2
Bob\t1\tEve\t13
Ann\t2\tBob\t3
"""


def test_lfw():
    pairs = read_pairs(LFW)
    assert len(pairs) == 8
    assert pairs.names[:3] == ("Ann/Ann_0001.jpg", "Ann/Ann_0004.jpg", "Bob/Bob_0002.jpg")
    assert pairs.names[pairs.right[3]] == "Eve/Eve_0012.jpg"
    assert pairs.left[3] == 1
    assert pairs.same.tolist() == [True, True, False, False] * 2
    assert pairs.fold.tolist() == [0] * 4 + [1] * 4
    assert pairs.folds == 2
    assert pairs.left.dtype == pairs.right.dtype == pairs.fold.dtype == np.int64
    assert pairs.same.dtype == np.bool_


@pytest.mark.parametrize(
    "changed",
    [
        LFW.replace(b"\t", b" "),
        LFW.replace(b"\n", b"\r\n"),
        LFW.rstrip(b"\n"),
        LFW + b"\n \n",
        b"\xef\xbb\xbf" + LFW,
    ],
)
def test_the_same_written_otherwise(changed):
    pairs, expected = read_pairs(changed), read_pairs(LFW)
    assert pairs.names == expected.names
    assert (pairs.left == expected.left).all()
    assert (pairs.right == expected.right).all()


def test_one_part_and_no_first_line():
    body = LFW.split(b"\n", 1)[1]
    dev = b"\n".join([b"2", *body.split(b"\n")[:4]])
    assert read_pairs(dev).folds == 1
    assert len(read_pairs(dev)) == 4
    assert read_pairs(body).fold.tolist() == list(range(8))


def test_another_suffix():
    assert read_pairs(LFW, suffix=".png").names[0] == "Ann/Ann_0001.png"


def test_labelled():
    text = b"a/1.jpg,b/2.jpg,-1\na/1.jpg,a/3.jpg,1\n"
    pairs = read_pairs(text)
    assert pairs.names == ("a/1.jpg", "b/2.jpg", "a/3.jpg")
    assert pairs.same.tolist() == [False, True]
    assert pairs.fold.tolist() == [0, 1]
    for changed in (
        text.replace(b",", b" "),
        text.replace(b",", b"\t"),
        text.replace(b",", b" , "),
        text.replace(b"-1", b"0"),
        text.replace(b",-1", b",False").replace(b",1", b",true"),
        text.replace(b"/", b"\\"),
    ):
        again = read_pairs(changed)
        assert again.names == pairs.names
        assert again.same.tolist() == [False, True]
    spaced = read_pairs(b"my folder/1.jpg\tmy folder/2.jpg\t1\n")
    assert spaced.names == ("my folder/1.jpg", "my folder/2.jpg")


def test_the_layout_can_be_said():
    # persons named by numbers, or paths that look like them
    assert read_pairs(b"7 1 1\n", layout="labelled").names == ("7", "1")
    assert read_pairs(b"7 1 1\n").names == ("7/7_0001.jpg",)
    with pytest.raises(InputError, match="layout='x': expected one of auto, lfw, labelled, two-"):
        read_pairs(LFW, layout="x")
    with pytest.raises(InputError, match="layout='cfp': expected the path of a folder"):
        read_pairs(LFW, layout="cfp")


def test_tables_with_commas():
    # as LFW's lists are passed on: names of columns, and a comma behind three fields
    body = LFW.split(b"\n", 1)[1].replace(b"\t", b",")
    rows = [line + b"," if line.count(b",") == 2 else line for line in body.splitlines()]
    table = b"\n".join([b"name,imagenum1,imagenum2,", *rows])
    found, expected = read_pairs(table, layout="lfw"), read_pairs(LFW)
    assert found.names == expected.names
    assert found.same.tolist() == expected.same.tolist()
    assert found.fold.tolist() == list(range(8))
    assert read_pairs(table).names == expected.names
    with pytest.raises(DatasetError, match="line 2: found no pairs"):
        read_pairs(b"name,imagenum1,imagenum2,\n")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "found no lines, expected pairs"),
        (b"\n\n", "found no lines"),
        (LFW.replace(b"2\t2", b"2\t3"), "found 8 pairs, expected 12, as the first line says"),
        (LFW.replace(b"2\t2", b"999999\t999999"), "found 8 pairs, expected 1,999,996,000,002"),
        (LFW.replace(b"2\t2", b"1\t4"), None),
        (LFW.replace(b"Bob\t2\t3", b"Bob\t2"), "line 3: found 2 fields, expected 3 or 4"),
        (LFW.replace(b"Bob\t2\t3", b"Bob\t2\tx"), "line 3: found 'x', expected the number of"),
        (LFW.replace(b"Bob\t2\t3", b"Bob\t0\t3"), "line 3: found '0'"),
        (LFW.replace(b"Bob\t2\t3", b"Bob\t-2\t3"), "line 3: found '-2'"),
        (LFW.replace(b"Bob\t2\t3", b"Bob\t2\t" + b"9" * 5000), "line 3: found '999"),
        (LFW.replace(b"Bob\t2\t3", b"\t2\t3"), "line 3: found the name ''"),
        (LFW.replace(b"Bob\t2\t3", b"../up\t2\t3"), "line 3: found the name '../up'"),
        (LFW.replace(b"Bob\t2\t3", b"..\t2\t3"), r"line 3: found the path '../.._0002.jpg'"),
        (LFW.replace(b"Bob\t2\t3", b""), "line 3: found 0 fields"),
        (LFW.replace(b"Bob\t2\t3", b"Bob\t2\tAnn\t3"), "found 1 pairs of one person in part 1"),
        (LFW.replace(b"Bob\t2\t3", b"B\xffb\t2\t3"), "line 3: found the byte 0xff, expected UTF-8"),
        (b"10\n601\nAnn\t1\nBob\t1\n", "line 2: found '601', expected a pair; people.txt"),
        (b"x 300\n", "line 1: found 2 fields, expected 3: path, path, label"),
        (b"a,b,1\na,b\n", "line 2: found 2 fields, expected 3"),
        (b"a,b,1\na,b,2\n", "line 2: found the label '2', expected 1, 0 or -1"),
        (b"a,b,1\n/etc/passwd,b,1\n", "line 2: found the path '/etc/passwd', expected one within"),
        (b"a,b,1\na/../../b,b,1\n", "line 2: found the path"),
        (b"a,b,1\n..\\b,b,1\n", "line 2: found the path"),
        (b"a,b,1\nc:\\b,b,1\n", "line 2: found the path"),
        (b"a,b,1\na\0b,b,1\n", "line 2: found the path"),
        (b"a,b,1\n,b,1\n", "line 2: found the path ''"),
    ],
)
def test_what_is_refused(data, words):
    if words is None:
        assert read_pairs(data).folds == 1  # one part of all: half of them of one person
        return
    with pytest.raises(DatasetError, match=words) as raised:
        read_pairs(data)
    assert raised.value.file == "<bytes>"


def test_too_many_lines(monkeypatch):
    monkeypatch.setattr(sources, "MAX_LINES", 8)
    with pytest.raises(DatasetError, match="10 lines, expected at most 8"):
        read_pairs(LFW)


def test_missing_images():
    pairs = read_pairs(LFW)
    here = [name for name in pairs.names if name != "Ann/Ann_0004.jpg"]
    assert pairs.available(pairs.names) is pairs
    words = r"1 of 10 images missing \(Ann/Ann_0004.jpg\), expected all; 2 of 8 pairs need them"
    with pytest.raises(DatasetError, match=words):
        pairs.available(here)
    rest = pairs.available(here, allow_missing=True)
    assert rest.missing == ("Ann/Ann_0004.jpg",)
    assert rest.dropped == 2
    assert len(rest) == 6
    assert rest.fold.tolist() == [0, 0, 1, 1, 1, 1]  # none moves to another part
    kept = [0, 1, 2, 3, 4, 5, 6, 7]
    kept.remove(0)
    kept.remove(3)
    for at, old in enumerate(kept):
        assert rest.names[rest.left[at]] == pairs.names[pairs.left[old]]
        assert rest.names[rest.right[at]] == pairs.names[pairs.right[old]]
        assert rest.same[at] == pairs.same[old]
    assert "Ann/Ann_0001.jpg" in rest.names
    with pytest.raises(DatasetError, match=r"10 of 10 images missing \(.*, \.\.\.\)"):
        pairs.available([], allow_missing=True)


def test_rows():
    pairs = pairs_of_rows([True, False, True], folds=10)
    assert pairs.left.tolist() == [0, 2, 4]
    assert pairs.right.tolist() == [1, 3, 5]
    assert pairs.fold.tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="same: found shape"):
        pairs_of_rows([])


def test_folds_are_those_of_scikit_learn():
    # KFold(4).split(range(10)): test sets of 3, 3, 2, 2
    assert contiguous_folds(10, 4).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 3, 3]
    with pytest.raises(InputError, match="folds=4: expected 1 to 3"):
        contiguous_folds(3, 4)


def test_real_lists(shared_data):
    lfw = read_pairs(shared_data / "lfw" / "pairs.txt")
    assert (len(lfw), len(lfw.names), lfw.folds, int(lfw.same.sum())) == (6000, 7701, 10, 3000)
    assert (np.bincount(lfw.fold) == 600).all()
    other = read_pairs(shared_data / "lfw" / "pairs_1.txt")
    assert (len(other), int(other.same.sum())) == (5474, 2700)
    assert other.names[0] == "John_Snow/John_Snow_0017.jpg"


def test_mutants(judge, damage):
    labelled = b"".join(b"p%d/x.jpg,p%d/y.jpg,%d\n" % (k, k // 2, k % 2) for k in range(20))
    judge(read_pairs).trials(
        [
            lambda rng: damage.mutate(rng, LFW),
            lambda rng: damage.mutate_text(rng, LFW, rb"\t(\d+)"),
            lambda rng: damage.mutate(rng, labelled),
            lambda rng: damage.mutate_text(rng, labelled, rb",(\d+)"),
        ],
        worked=(0.1, 0.8),
    )
