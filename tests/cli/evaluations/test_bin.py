"""``eval bin``: several sets at once, damaged ones said, nothing in them run."""

from __future__ import annotations

import io
import pickle

import numpy as np
from PIL import Image


class Evil:
    def __reduce__(self):
        return exec, ("open('touched', 'w').close()",)


def test_several_sets(cli, faces):
    faces.in_one_file("one.bin")
    faces.in_one_file("two.bin")
    result = cli("eval", "bin", "one.bin", "two.bin", *faces.network, "--json")
    assert result.code == 0, result.err
    one, two = result.document["sets"]
    assert (one["set"], two["set"]) == ("one", "two")
    assert one["results"] == two["results"]
    assert one["pairs"] == 20
    assert one["images"] == 40
    assert one["results"][0]["protocols"]["ten-fold"]["accuracy"] >= 0.9
    table = cli("eval", "bin", "one.bin", "two.bin", *faces.network, "--flip", "sum")
    head = table.out.splitlines()[2]
    assert " one " in head
    assert " two " in head


def test_a_set_that_would_run_something(cli, faces):
    faces.in_one_file("good.bin")
    (cli.folder / "evil.bin").write_bytes(pickle.dumps(([Evil(), b"x"], [True])))
    args = ("eval", "bin", "evil.bin", "none.bin", "good.bin", *faces.network, "--json")
    result = cli(*args)
    assert result.code == 1
    assert not (cli.folder / "touched").exists()
    assert [found["set"] for found in result.document["sets"]] == ["good"]
    evil, none = result.document["failed"]
    assert "found the name 'builtins.exec', expected images and labels" in evil["error"]
    assert none == {"set": "none.bin", "error": "none.bin: No such file or directory"}
    alone = cli("eval", "bin", "evil.bin", *faces.network, "--roc", "roc.png")
    assert alone.code == 1
    assert "error: evil.bin, byte" in alone.err
    assert not alone.out


def test_damaged_images(cli, faces):
    faces.in_one_file("bad.bin", damage=7)
    strict = cli("eval", "bin", "bad.bin", *faces.network)
    assert strict.code == 1
    assert "bad.bin, image 7: found" in strict.err
    lenient = cli("eval", "bin", "bad.bin", *faces.network, "--allow-missing", "--json")
    assert lenient.code == 1
    (found,) = lenient.document["sets"]
    assert found["missing"] == ["7"]
    assert (found["pairs"], found["images"], found["dropped_pairs"]) == (19, 38, 1)


def test_an_image_that_is_none(cli, faces):
    images = [*faces.images.values()][:4]
    (cli.folder / "gap.bin").write_bytes(pickle.dumps(([*images[:3], None] * 6, [True, False] * 6)))
    strict = cli("eval", "bin", "gap.bin", *faces.network)
    assert strict.code == 1
    assert "gap.bin, image 3: found" in strict.err
    assert "an empty file" in strict.err
    lenient = cli("eval", "bin", "gap.bin", *faces.network, "--allow-missing", "--json")
    assert lenient.code == 1
    assert lenient.document["sets"][0]["missing"] == ["3", "7", "11", "15", "19", "23"]


def test_features_that_cannot_be_judged_are_said_of_each_set(cli, faces):
    faces.in_one_file("one.bin")
    faces.in_one_file("two.bin")
    weights = np.fromfile(cli.folder / "toy.nchwbin", "<f4")
    (weights * np.float32("nan")).tofile(cli.folder / "toy.nchwbin")
    result = cli("eval", "bin", "one.bin", "two.bin", *faces.network, "--json")
    assert result.code == 1
    assert result.document["sets"] == []
    assert [found["set"] for found in result.document["failed"]] == ["one.bin", "two.bin"]
    assert "NaN or infinity in every pair" in result.document["failed"][0]["error"]


def test_crops_of_another_size_end_their_set_alone(cli, faces):
    image = io.BytesIO()
    Image.new("RGB", (20, 30)).save(image, "PNG")
    (cli.folder / "small.bin").write_bytes(pickle.dumps(([image.getvalue()] * 2, [True])))
    faces.in_one_file("good.bin")
    result = cli("eval", "bin", "small.bin", "good.bin", *faces.network, "--json")
    assert result.code == 1
    assert [found["set"] for found in result.document["sets"]] == ["good"]
    (small,) = result.document["failed"]
    assert "found 30x20 pixels" in small["error"]
    assert "--resize" in small["error"]


def test_a_real_set_of_one_kind(cli, faces, shared_data):
    path = shared_data / "lfw" / "small_lfw.bin"
    args = ("eval", "bin", path, *faces.network, "--resize", "--protocol", "lightcnn", "ten-fold")
    result = cli(*args, "--json")
    assert result.code == 0, result.err
    (found,) = result.document["sets"]
    assert found["results"][0]["roc"] is None
    assert "found 10 genuine and 0 impostor" in found["results"][0]["refused"]["lightcnn"]
    refused = cli(*args, "--roc", "roc.png")
    assert refused.code == 2
    assert "found no set with pairs of both kinds" in refused.err
