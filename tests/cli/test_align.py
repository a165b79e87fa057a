"""``align``, end to end: folders of photos in, crops and an account of every image out."""

from __future__ import annotations

import csv
import shutil
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from zqcnn_xp.cli import align as module
from zqcnn_xp.cli.photo import find_photos
from zqcnn_xp.pipelines.align import align_faces
from zqcnn_xp.pipelines.align_folder import FORMATS, Status
from zqcnn_xp.vision.templates import TEMPLATES, get_template

NUMPY = ("--backend", "numpy", "--min-face", "60")


@pytest.fixture(scope="session")
def portrait():
    found = [photo for photo in find_photos() if photo.package == "matplotlib"]
    if not found:
        pytest.skip("matplotlib, which carries the photo, is not installed")
    return found[0].path


@pytest.fixture
def photos(cli, portrait):
    """Two people, one of them beside a copy of herself, and what shows nobody."""
    folder = cli.folder / "photos"
    for name in ("hopper", "nobody"):
        (folder / name).mkdir(parents=True)
    shutil.copy(portrait, folder / "hopper" / "1.jpg")
    with Image.open(portrait) as image:
        # the copy is smaller, at the right
        wide = Image.new("RGB", (image.width * 2, image.height))
        wide.paste(image)
        wide.paste(image.resize((image.width // 2, image.height // 2)), (image.width, 0))
        wide.save(folder / "hopper" / "2.png")
    Image.new("RGB", (90, 70), (120, 120, 120)).save(folder / "nobody" / "grey.png")
    (folder / "nobody" / "words.png").write_text("words")
    return folder


def files(out):
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_the_names_are_those_of_the_library():
    assert tuple(FORMATS) == module.SUFFIXES
    assert get_args(Status) == module.STATUSES


def test_a_folder(cli, photos):
    result = cli("align", photos, "out", "--json", "--report", "bad/list.csv", *NUMPY)
    assert result.code == 1
    document = result.document
    assert list(document) == ["template", "counts", "images"]
    assert document["template"] == "arcface"
    assert document["counts"] == {
        "images": 4, "crops": 2, "aligned": 2, "kept": 0, "no face": 1, "several faces": 0,
        "error": 1,
    }  # fmt: skip
    one, two, grey, words = document["images"]
    assert one["path"] == str(photos / "hopper" / "1.jpg")
    assert (one["found"], two["found"]) == (1, 2)
    (crop,) = one["crops"]
    assert list(crop) == ["file", "bbox", "det_score", "kps"]
    assert grey == {"path": str(photos / "nobody/grey.png"), "status": "no face"} | {
        "found": 0, "crops": [],
    }  # fmt: skip
    assert words["status"] == "error"
    assert "words.png" in words["error"]
    assert files(cli.folder / "out") == ["hopper/1.png", "hopper/2.png"]
    wanted = align_faces(photos / "hopper/1.jpg", np.float32([crop["kps"]]))[0]
    np.testing.assert_array_equal(pixels(cli.folder / crop["file"]), wanted)
    # The same face once more: the other photo's larger face is the first photo's.
    np.testing.assert_allclose(two["crops"][0]["kps"], crop["kps"], atol=6)
    with (cli.folder / "bad/list.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["image", "status", "reason"],
        [grey["path"], "no face", ""],
        [words["path"], "error", words["error"]],
    ]
    assert f"no face: {grey['path']}" in result.err
    assert "2 crops of 4 images in out, 2 failed" in result.err


def test_the_table_says_the_same(cli, photos):
    result = cli("align", photos, "out", *NUMPY)
    assert result.code == 1
    for words in ("image without a crop", "grey.png", "no face", "words.png"):
        assert words in result.out
    assert "1.jpg" not in result.out
    lines = [line.split() for line in result.out.splitlines()]
    assert ["|", "aligned", "|", "2", "|"] in lines
    assert ["|", "error", "|", "1", "|"] in lines


def test_where_all_have_a_face_the_code_is_0(cli, photos):
    result = cli("align", photos / "hopper", "out", "--report", "list.csv", *NUMPY)
    assert result.code == 0
    assert "without a crop" not in result.out
    assert (cli.folder / "list.csv").read_text() == "image,status,reason\n"


@pytest.mark.parametrize("template", TEMPLATES)
def test_templates(cli, portrait, template):
    result = cli("align", portrait, "out", "--template", template, *NUMPY)
    assert result.code == 0
    height, width = get_template(template).size
    assert pixels(cli.folder / "out/grace_hopper.png").shape == (height, width, 3)


def test_which_face(cli, photos):
    photo = photos / "hopper" / "2.png"
    found = {}
    for choice in ("largest", "central", "all"):
        document = cli("align", photo, choice, "--face", choice, "--json", *NUMPY).document
        found[choice] = document["images"][0]["crops"]
    assert files(cli.folder / "all") == ["2-1.png", "2-2.png"]

    def area(crop):
        x1, y1, x2, y2 = crop["bbox"]
        return (x2 - x1) * (y2 - y1)

    def away(crop):
        x1, y1, x2, y2 = crop["bbox"]
        height, width = pixels(photo).shape[:2]
        return (x1 + x2 - width) ** 2 + (y1 + y2 - height) ** 2

    boxes = {name: crops[0]["bbox"] for name, crops in found.items()}
    assert len(found["all"]) == 2
    assert boxes["largest"] == max(found["all"], key=area)["bbox"]
    assert boxes["central"] == min(found["all"], key=away)["bbox"]


def test_strict(cli, photos):
    result = cli("align", photos / "hopper", "out", "--strict", "--json", *NUMPY)
    assert result.code == 1
    assert [image["status"] for image in result.document["images"]] == ["aligned", "several faces"]
    assert result.document["images"][1]["found"] == 2
    assert files(cli.folder / "out") == ["1.png"]


def test_retries_find_what_the_first_try_does_not(cli, portrait):
    with Image.open(portrait) as image:
        small = image.resize((image.width // 12, image.height // 12))
        small.save(cli.folder / "small.png")  # a face of some 15 pixels
    once = ("--backend", "numpy", "--json")
    assert cli("align", "small.png", "out", *once, "--min-face", "60").code == 1
    result = cli("align", "small.png", "out", "--retry", *once)
    assert result.code == 0
    assert files(cli.folder / "out") == ["small.png"]
    bounded = cli("align", "small.png", "out", "--retry", *once, "--min-face", "60")
    assert bounded.code == 1


def test_a_run_that_was_stopped_goes_on(cli, photos):
    cli("align", photos / "hopper", "out", *NUMPY)
    (cli.folder / "out" / "1.png").unlink()
    (cli.folder / "out" / "2.png").write_bytes(b"kept as it is")
    result = cli("align", photos / "hopper", "out", "--skip-existing", "--json", *NUMPY)
    assert result.code == 0
    assert [image["status"] for image in result.document["images"]] == ["aligned", "kept"]
    assert (cli.folder / "out" / "2.png").read_bytes() == b"kept as it is"
    assert "1 crops of 2 images" in result.err


def test_jpeg_and_threads_and_standard_input(cli, photos):
    result = cli(
        "align", photos / "hopper", "-", "out", "--format", "jpg", "--threads", 2, *NUMPY,
        stdin=(photos / "hopper" / "1.jpg").read_bytes(),
    )  # fmt: skip
    assert result.code == 0, result.err
    assert files(cli.folder / "out") == ["1.jpg", "2.jpg", "stdin.jpg"]
    np.testing.assert_array_equal(
        pixels(cli.folder / "out" / "stdin.jpg"), pixels(cli.folder / "out" / "1.jpg")
    )


def test_crops_never_lie_among_the_photos(cli, photos):
    before = {path: path.read_bytes() for path in photos.rglob("*.*")}
    for out in (photos, photos / "crops", photos / "hopper"):
        result = cli("align", photos, out, *NUMPY)
        assert result.code == 2
        assert "choose another place" in result.err
    result = cli("align", photos / "hopper" / "2.png", photos / "hopper", *NUMPY)
    assert result.code == 2
    assert "would overwrite" in result.err
    assert {path: path.read_bytes() for path in photos.rglob("*.*")} == before


def test_a_file_where_the_folder_should_be(cli, photos):
    (cli.folder / "out").write_text("a file")
    result = cli("align", photos, "out", *NUMPY)
    assert result.code == 2
    assert "found a file out" in result.err


def test_nothing_to_align(cli):
    (cli.folder / "empty").mkdir()
    result = cli("align", "empty", "out", "--json", *NUMPY)
    assert result.code == 1
    assert "found no images" in result.document["images"][0]["error"]
    assert cli("align", "photos").code == 2


def test_faces_that_the_original_found(cli, shared_data):
    """With the original's networks and rules the crops come from the original's points."""
    import json

    nets = shared_data / "zqcnn"
    options = []
    for index, flag in enumerate(("--pnet", "--rnet", "--onet"), 1):
        options += [flag, nets / f"det{index}.zqparams", nets / f"det{index}_bgr.nchwbin"]
    photo = shared_data / "images" / "4.jpg"
    result = cli(
        "align", photo, "out", "--face", "all", "--json", "--backend", "numpy",
        "--compat", "zqcnn", *options,
    )  # fmt: skip
    assert result.code == 0, result.err
    golden = shared_data / "golden" / "mtcnn" / "mtcnn_author5_4.json"
    points = [face["landmark_x5_then_y5"] for face in json.loads(golden.read_text())["results"]]
    kps = np.array(points).reshape(-1, 2, 5).transpose(0, 2, 1)
    crops = result.document["images"][0]["crops"]
    found = np.array([crop["kps"] for crop in crops])
    np.testing.assert_allclose(found, kps, atol=0.01)
    wanted = align_faces(photo, kps)
    for crop, face in zip(crops, wanted, strict=True):
        assert np.abs(pixels(cli.folder / crop["file"]).astype(int) - face).max() <= 1
