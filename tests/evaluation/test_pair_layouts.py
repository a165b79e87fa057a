"""Pairs as CALFW, CPLFW and CFP publish them."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation.pair_layouts import cfp_pairs, two_line_pairs
from zqcnn_xp.evaluation.pairs import read_pairs


def calfw(parts=10, each=3):
    """Genuine pairs with the number of their part come first, then the others with 0."""
    lines = []
    for part in range(1, parts + 1):
        for k in range(each):
            lines += [f"P{part}_{k:04d}.jpg {part}", f"P{part}_{k + 50:04d}.jpg {part}"]
    for k in range(parts * each):
        lines += [f"Q{k}_0001.jpg 0", f"R{k}_0001.jpg 0"]
    return lines


def test_calfw():
    pairs = read_pairs("\r\n".join(calfw()).encode())
    assert len(pairs) == 60
    assert pairs.names[:2] == ("P1_0000.jpg", "P1_0050.jpg")
    assert pairs.same.tolist() == [True] * 30 + [False] * 30
    assert pairs.fold.tolist() == [k // 3 for k in range(30)] * 2
    # the number of a part is what counts, not where the pair is
    lines = np.array(calfw()).reshape(60, 2)
    order = np.random.default_rng(0).permutation(60)
    mixed = two_line_pairs("list", lines[order].ravel().tolist())
    assert (mixed.fold[mixed.same] == pairs.fold[order][mixed.same]).all()
    assert (np.bincount(mixed.fold) == 6).all()


def test_cplfw():
    lines = []
    for part in range(10):
        for same in (1, 0):
            for k in range(3):
                lines += [f"P{part}_{k}.jpg {same}", f"P{part + 1 - same}_{k + 3}.jpg {same}"]
    pairs = read_pairs("\n".join(lines).encode())
    assert pairs.fold.tolist() == [k // 6 for k in range(60)]
    assert pairs.same.tolist() == ([True] * 3 + [False] * 3) * 10


def test_one_kind_before_the_other():
    lines = [line.split()[0] + (" 0" if line.endswith(" 0") else " 1") for line in calfw()]
    pairs = two_line_pairs("list", lines)
    assert pairs.fold.tolist() == [k // 3 for k in range(30)] * 2
    alone = two_line_pairs("list", lines[:20])
    assert alone.fold.tolist() == list(range(10))
    assert alone.same.all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.jpg 1\nb.jpg 1\nc.jpg 0\n", "line 3: found the end, expected the other image"),
        ("a.jpg 1\nb.jpg 0\n", "line 2: found the label 0, expected 1, as in the line before"),
        ("a.jpg 1\nb.jpg\n", "line 2: found 'b.jpg', expected an image and a label"),
        ("a.jpg 1\nb.jpg -1\n", "line 2: found 'b.jpg -1'"),
        ("a.jpg 1\n\n", "line 1: found the end"),
        ("a.jpg 1\n\nb.jpg 1\n", "line 2: found ''"),
        ("a.jpg 1\n../b.jpg 1\n", "line 2: found the path '../b.jpg'"),
        ("a.jpg 100\nb.jpg 100\n", "line 1: found 2 fields, expected 3: path, path, label"),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(DatasetError, match=words):
        read_pairs(text.encode())


@pytest.fixture
def cfp(tmp_path):
    """Three persons with four frontal and two profile images; two parts."""
    protocol = tmp_path / "Protocol"
    images = {"F": ("frontal", 4), "P": ("profile", 2)}
    for letter, (kind, count) in images.items():
        paths = [f"{p:03d}/{kind}/{k:02d}.jpg" for p in (1, 2, 3) for k in range(1, count + 1)]
        lines = [f"{at} ../Data/Images/{path}" for at, path in enumerate(paths, 1)]
        protocol.mkdir(exist_ok=True)
        (protocol / f"Pair_list_{letter}.txt").write_text("\r\n".join(lines) + "\r\n")
    for part, (fp, ff) in enumerate([(("1,1", "1,3"), ("1,2", "1,5")),
                                     (("5,4", "5,6"), ("5,6", "5,12"))], 1):  # fmt: skip
        for kind, (same, different) in (("FP", fp), ("FF", ff)):
            place = protocol / "Split" / kind / f"{part:02d}"
            place.mkdir(parents=True)
            (place / "same.txt").write_text(same + "\n")
            (place / "diff.txt").write_text(different + "\n\n")
    return protocol / "Split"


def test_cfp(cfp):
    pairs = read_pairs(cfp / "FP")
    named = [(pairs.names[a], pairs.names[b]) for a, b in zip(pairs.left, pairs.right, strict=True)]
    assert named == [
        ("001/frontal/01.jpg", "001/profile/01.jpg"),
        ("001/frontal/01.jpg", "002/profile/01.jpg"),
        ("002/frontal/01.jpg", "002/profile/02.jpg"),
        ("002/frontal/01.jpg", "003/profile/02.jpg"),
    ]
    assert pairs.same.tolist() == [True, False] * 2
    assert pairs.fold.tolist() == [0, 0, 1, 1]
    frontal = read_pairs(str(cfp / "FF"), layout="cfp")
    assert frontal.names[:3] == ("001/frontal/01.jpg", "001/frontal/02.jpg", "002/frontal/01.jpg")
    assert len(frontal) == 4


def test_parts_of_cfp_are_in_the_order_of_their_numbers(cfp):
    (cfp / "FF" / "01").rename(cfp / "FF" / "10")
    pairs = cfp_pairs(cfp / "FF")
    assert pairs.names[0] == "002/frontal/01.jpg"
    assert pairs.fold.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("Split/FP/01/same.txt", "1,7\n", "01/same.txt, line 1: found '1,7', expected i,j of the"),
        ("Split/FP/01/same.txt", "0,1\n", "found '0,1'"),
        ("Split/FP/02/diff.txt", "1,1\n1,2,3\n", "02/diff.txt, line 2: found '1,2,3'"),
        ("Split/FP/02/diff.txt", "1\n", "02/diff.txt, line 1: found '1'"),
        ("Pair_list_P.txt", "2 ../Data/Images/001/profile/01.jpg\n", "expected 1 and an image's"),
        ("Pair_list_P.txt", "1 01.jpg\n", "Pair_list_P.txt, line 1: found '1 01.jpg'"),
        ("Pair_list_P.txt", "1 a/../b.jpg\n", "line 1: found the path 'a/../b.jpg'"),
    ],
)
def test_what_is_refused_of_cfp(cfp, name, text, words):
    (cfp.parent / name).write_text(text)
    with pytest.raises(DatasetError, match=words):
        cfp_pairs(cfp / "FP")


def test_folders_that_are_not_cfps(cfp, tmp_path):
    with pytest.raises(DatasetError, match="a folder of another name, expected Split/FP"):
        cfp_pairs(cfp)
    (tmp_path / "FP").mkdir()
    with pytest.raises(FileNotFoundError):
        cfp_pairs(tmp_path / "FP")
    (cfp / "empty").mkdir()
    (cfp / "empty" / "FP").mkdir()
    for letter in "FP":
        (cfp / f"Pair_list_{letter}.txt").write_text("")
        (cfp.parent / f"Pair_list_{letter}.txt").rename(cfp / f"Pair_list_{letter}.txt")
    with pytest.raises(DatasetError, match="found 0 parts, expected folders 01, 02"):
        cfp_pairs(cfp / "empty" / "FP")


def test_mutants(judge, damage):
    lines = "\n".join(calfw()).encode()
    judge(read_pairs).trials(
        [
            lambda rng: damage.mutate(rng, lines),
            lambda rng: damage.mutate_text(rng, lines, rb" (\d+)"),
        ],
        worked=(0.05, 0.8),
    )
