"""``eval lfw``: images from a folder and an archive, features kept, what is missing said."""

from __future__ import annotations

import numpy as np
import pytest

ARGS = ("eval", "lfw", "--pairs", "pairs.txt")


def test_the_document(cli, faces):
    result = cli(*ARGS, "--images", faces.packed(), *faces.network, "--flip", "all", "--json")
    assert result.code == 0, result.err
    document = result.document
    assert list(document) == ["sets", "failed"]
    (found,) = document["sets"]
    assert found["set"] == "lfw"
    assert found["pairs"] == 48
    assert found["missing"] == []
    assert found["network"]["model"] == "toy.zqparams"
    assert found["network"]["backend"] == "numpy"
    assert found["network"]["recipe"]["mean"] == 127.5
    assert [one["flip"] for one in found["results"]] == ["none", "sum", "concatenate"]
    plain = found["results"][0]
    assert list(plain["protocols"]) == ["ten-fold", "omz", "lightcnn", "zqcnn"]
    # the persons differ a lot, and each one's photos little
    assert plain["protocols"]["ten-fold"]["accuracy"] > 0.95
    assert len(plain["protocols"]["ten-fold"]["accuracies"]) == 4
    assert plain["roc"]["auc"] > 0.99
    assert "images and their mirror images in" in result.err


def test_a_folder_gives_the_same_as_an_archive(cli, faces):
    args = (*faces.network, "--protocol", "zqcnn", "--json")
    one = cli(*ARGS, "--images", faces.unpacked(), *args).document
    other = cli(*ARGS, "--images", faces.packed(), *args).document
    assert one == other
    assert list(one["sets"][0]["results"][0]["protocols"]) == ["zqcnn"]


def test_the_table(cli, faces):
    result = cli(*ARGS, "--images", faces.packed(), *faces.network, "--flip", "none", "sum")
    assert result.code == 0, result.err
    assert result.out.startswith("lfw: 48 pairs of ")
    head = result.out.splitlines()[2]
    assert "flip none" in head
    assert "flip sum" in head
    assert "| 10-fold " in result.out
    assert "| Open Model Zoo " in result.out
    assert "TPR at FAR 0.1 %" in result.out


def test_features_are_kept_and_taken_again(cli, faces):
    folder = faces.unpacked()
    args = ("--features", "f.npz", "--flip", "all", "--json")
    first = cli(*ARGS, "--images", folder, *faces.network, *args)
    assert first.code == 0, first.err
    assert "features written to f.npz" in first.err
    with np.load(cli.folder / "f.npz") as file:
        assert file["feat"].shape == file["flip"].shape
        assert file["feat"].shape[1] == 24
        assert file["files"][0].endswith(".jpg")  # as the list has them
    again = cli(*ARGS, *args)  # without a network
    assert again.code == 0, again.err
    assert "features taken from f.npz" in again.err
    assert again.document == first.document
    other = cli(*ARGS, *args, "--model", "other.zqparams")
    assert other.code == 2
    assert "found features of 'toy.zqparams', expected those of 'other.zqparams'" in other.err
    few = cli(*ARGS, "--images", folder, *faces.network, "--features", "g.npz")
    assert few.code == 0
    more = cli(*ARGS, "--features", "g.npz", "--flip", "sum")
    assert more.code == 1
    assert "'flip'" in more.err


def test_missing_images(cli, faces):
    folder = faces.unpacked()
    gone = folder / "P3" / "P3_0001.png"
    gone.unlink()
    args = (*ARGS, "--images", folder, *faces.network)
    strict = cli(*args)
    assert strict.code == 1
    assert strict.err.splitlines()[-1].startswith("error: pairs.txt: found 1 of ")
    assert "images missing (P3/P3_0001.jpg), expected all; " in strict.err
    lenient = cli(*args, "--allow-missing", "--json")
    assert lenient.code == 1
    (found,) = lenient.document["sets"]
    assert found["missing"] == ["P3/P3_0001.jpg"]
    assert found["dropped_pairs"] == 48 - found["pairs"] > 0
    assert "1 images missing or damaged: P3/P3_0001.jpg" in lenient.err


def test_damaged_images(cli, faces):
    folder = faces.unpacked()
    bad = folder / "P3" / "P3_0001.png"
    bad.write_bytes(bad.read_bytes()[:50])
    args = (*ARGS, "--images", folder, *faces.network, "--protocol", "ten-fold")
    strict = cli(*args)
    assert strict.code == 1
    assert "P3/P3_0001.jpg: found a bad image (found a damaged PNG" in strict.err
    lenient = cli(*args, "--allow-missing", "--json")
    assert lenient.code == 1
    assert lenient.document["sets"][0]["missing"] == ["P3/P3_0001.jpg"]


def test_pictures(cli, faces):
    args = (*ARGS, "--images", faces.packed(), *faces.network)
    result = cli(*args, "--roc", "roc.png", "--det", "det.svg")
    assert result.code == 0, result.err
    assert (cli.folder / "roc.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (cli.folder / "det.svg").read_bytes()
    refused = cli(*args, "--roc", "roc.bmp")
    assert refused.code == 2
    assert "roc.bmp: expected a name that ends in .png" in refused.err
    assert "a second" not in refused.err  # before any work is done


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ((), 2, "expected --images, or --features of a file that is there"),
        (("--images", "none"), 2, "none: found nothing there, expected a folder or a .zip"),
        (("--features", "none.npy"), 2, "no such file; one to write ends in .npz"),
        (("--images", "."), 1, "images missing"),
        (("--flip", "twice"), 2, "invalid choice"),
        (("--far", "2"), 2, "expected a number of 0 to 1"),
    ],
)
def test_what_is_refused(cli, faces, args, code, words):
    result = cli(*ARGS, *args)
    assert result.code == code
    assert words in result.err


def test_no_network(cli, faces):
    result = cli(*ARGS, "--images", faces.packed())
    assert result.code == 2
    assert "expected --model, the network whose features are judged" in result.err
    result = cli(*ARGS, "--images", faces.packed(), "--model", "a", "b", "c")
    assert result.code == 2
    assert "--model: found 3 files, expected MODEL [WEIGHTS]" in result.err


def test_a_list_that_is_none(cli, faces):
    (cli.folder / "pairs.txt").write_text("4\t7\n" + "\n".join(faces.lines[1:]))
    result = cli(*ARGS, "--images", faces.packed(), *faces.network, "--json")
    assert result.code == 1
    assert result.document == {
        "error": "pairs.txt: found 48 pairs, expected 56, as the first line says"
    }
