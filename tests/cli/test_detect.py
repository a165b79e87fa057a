"""``detect``, end to end: real photos in, one JSON document, tables and drawings out."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zqcnn_xp.cli.detect import Outcome, _exact, _targets, face_rows
from zqcnn_xp.cli.files import Source
from zqcnn_xp.cli.photo import find_photos
from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.mtcnn.options import Options

NUMPY = ("--backend", "numpy", "--min-face", "60")


@pytest.fixture(scope="session")
def portrait():
    found = [photo for photo in find_photos() if photo.package == "matplotlib"]
    if not found:
        pytest.skip("matplotlib, which carries the photo, is not installed")
    return found[0].path


def blank(path, height=60, width=80, **options):
    Image.fromarray(np.full((height, width, 3), 120, np.uint8)).save(path, **options)


def test_the_document(cli, portrait):
    shutil.copy(portrait, cli.folder / "hopper.jpg")
    result = cli("detect", "hopper.jpg", "--json", *NUMPY)
    assert result.code == 0, result.err
    document = result.document
    assert list(document) == ["backend", "images"]
    assert document["backend"] == "numpy"
    (image,) = document["images"]
    assert list(image) == ["path", "width", "height", "faces"]
    assert image["path"] == "hopper.jpg"
    with Image.open(portrait) as opened:
        assert (image["width"], image["height"]) == opened.size
    (face,) = image["faces"]
    assert list(face) == ["bbox", "det_score", "kps"]
    x1, y1, x2, y2 = face["bbox"]
    # where the face is, as looked up by eye in the photo
    assert 150 < x1 < 200 < 320 < x2 < 370
    assert 90 < y1 < 150 < 300 < y2 < 350
    assert 0.7 < face["det_score"] <= 1
    assert len(face["kps"]) == 5
    (left, right, nose, *mouth) = face["kps"]
    assert left[0] < nose[0] < right[0]
    assert max(left[1], right[1]) < nose[1] < min(point[1] for point in mouth)
    assert "1 face in 1 image, 0 failed" in result.err


def test_the_table_says_the_same(cli, portrait):
    document = cli("detect", portrait, "--json", *NUMPY).document
    result = cli("detect", portrait, *NUMPY)
    assert result.code == 0
    assert "| x1 px |" in " ".join(result.out.split())
    for value in document["images"][0]["faces"][0]["bbox"]:
        assert f"{value:.1f}" in result.out


def test_backends_agree(cli, portrait):
    pytest.importorskip("jax")
    boxes = []
    for backend in ("numpy", "jax"):
        result = cli("detect", portrait, "--json", "--min-face", "60", "--backend", backend)
        assert result.document["backend"] == backend
        boxes.append([face["bbox"] for face in result.document["images"][0]["faces"]])
    np.testing.assert_allclose(boxes[0], boxes[1], atol=0.01)


def test_the_backend_of_the_environment_is_taken(cli):
    blank(cli.folder / "a.png")
    document = cli("detect", "a.png", "--json", ZQCNN_XP_BACKEND="numpy").document
    assert document["backend"] == "numpy"


def test_standard_input(cli, portrait):
    from_file = cli("detect", portrait, "--json", *NUMPY).document["images"][0]
    piped = cli("detect", "-", "--json", *NUMPY, stdin=portrait.read_bytes())
    assert piped.code == 0
    image = piped.document["images"][0]
    assert image == from_file | {"path": "-"}
    empty = cli("detect", "-", "--json", *NUMPY, stdin=b"")
    assert empty.code == 1
    assert "empty" in empty.document["images"][0]["error"]


def test_good_files_of_a_folder_are_processed_beside_bad_ones(cli, portrait):
    folder = cli.folder / "photos"
    folder.mkdir()
    shutil.copy(portrait, folder / "good.jpg")
    (folder / "no-image.png").write_text("words")
    (folder / "truncated.jpg").write_bytes(portrait.read_bytes()[:9000])
    blank(folder / "one-pixel.png", 1, 1)
    Image.fromarray(np.zeros((50, 40), np.uint16)).save(folder / "sixteen.png")
    Image.fromarray(np.zeros((50, 40), np.uint8)).save(folder / "grey.png")
    Image.fromarray(np.zeros((50, 40, 4), np.uint8)).save(folder / "alpha.png")
    for threads in (1, 3):
        result = cli("detect", "photos", "missing.jpg", "--json", "--threads", threads, *NUMPY)
        assert result.code == 1
        images = {image["path"]: image for image in result.document["images"]}
        inside = sorted(path for path in images if path != "missing.jpg")
        assert list(images) == [*inside, "missing.jpg"]
        assert len(inside) == 7
        failed = {path for path, image in images.items() if "error" in image}
        assert failed == {"photos/no-image.png", "photos/truncated.jpg", "missing.jpg"}
        for path in failed:
            assert path in images[path]["error"]
            assert list(images[path]) == ["path", "error"]
            assert f"error: {images[path]['error']}" in result.err
        assert len(images["photos/good.jpg"]["faces"]) == 1
        assert images["photos/one-pixel.png"]["faces"] == []
        assert images["photos/one-pixel.png"]["width"] == 1
        assert "3 failed" in result.err


def test_an_empty_folder_is_a_clear_error(cli):
    (cli.folder / "empty").mkdir()
    result = cli("detect", "empty", *NUMPY)
    assert result.code == 1
    assert "error: empty: found no images in this folder" in result.err
    document = cli("detect", "empty", "--json", *NUMPY).document
    assert "found no images" in document["images"][0]["error"]


def test_many_threads_keep_the_order_and_the_results(cli, portrait):
    for index in range(6):
        if index % 2:
            blank(cli.folder / f"{index}.png", 40 + index, 50)
        else:
            shutil.copy(portrait, cli.folder / f"{index}.jpg")
    serial = cli("detect", "*.*", "--json", *NUMPY)
    threaded = cli("detect", "*.*", "--json", "--threads", 4, *NUMPY)
    assert serial.code == threaded.code == 0
    assert [image["path"][0] for image in serial.document["images"]] == list("012345")
    asked = cli("detect", "*.*", "--json", *NUMPY, ZQCNN_XP_THREADS="3")
    for other in (threaded.document, asked.document):
        for one, image in zip(other["images"], serial.document["images"], strict=True):
            # The BLAS of NumPy splits products by threads: the order of sums, and so last bits,
            # differ on some processors.
            faces, wanted = one.pop("faces"), dict(image)
            for face, want in zip(faces, wanted.pop("faces"), strict=True):
                assert face.keys() == want.keys()
                for name, values in want.items():
                    np.testing.assert_allclose(face[name], values, atol=2e-3)
            assert one == wanted
    assert cli("detect", "*.*", "--json", *NUMPY, ZQCNN_XP_THREADS="x").code == 2


def test_options_reach_the_detector(cli, portrait):
    def faces(*extra):
        result = cli("detect", portrait, "--json", "--backend", "numpy", *extra)
        assert result.code == 0, result.err
        return result.document["images"][0]["faces"]

    assert len(faces("--min-face", "60")) == 1
    assert faces("--min-face", "5000", "--thresholds", "1", "1", "1") == []
    assert len(faces("--min-face", "60", "--big-faces", "--blur", "--threads", "2")) == 1


def test_networks_of_ones_own(cli, shared_data):
    nets = shared_data / "zqcnn"
    options = []
    for index, flag in enumerate(("--pnet", "--rnet", "--onet"), 1):
        options += [flag, nets / f"det{index}.zqparams", nets / f"det{index}_bgr.nchwbin"]
    result = cli(
        "detect", shared_data / "images" / "4.jpg", "--json", "--compat", "zqcnn", *options, *NUMPY
    )
    assert result.code == 0, result.err
    assert len(result.document["images"][0]["faces"]) >= 4


def test_incomplete_networks_are_wrong_usage(cli):
    blank(cli.folder / "a.png")
    result = cli("detect", "a.png", "--pnet", "det1.zqparams", "det1.nchwbin")
    assert result.code == 2
    assert "expected --rnet and --onet with it" in result.err
    result = cli("detect", "a.png", "--pnet", "a", "b", "c", "--rnet", "a", "--onet", "a")
    assert result.code == 2
    assert "--pnet: found 3 files" in result.err


# --- drawing -------------------------------------------------------------------------------------


def test_draw_to_a_file(cli, portrait):
    result = cli("detect", portrait, "--draw", "out.png", *NUMPY)
    assert result.code == 0
    with Image.open(portrait) as before, Image.open(cli.folder / "out.png") as after:
        assert after.format == "PNG"
        assert after.size == before.size
        changed = (np.asarray(before.convert("RGB")) != np.asarray(after)).any(axis=2)
    assert 0.001 < changed.mean() < 0.2
    assert not list(cli.folder.glob(".*"))


def test_draw_to_a_folder_keeps_names_apart(cli):
    for name in ("a/x.png", "b/x.png", "a/sub/y.gif", "a/z.tiff"):
        path = cli.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        blank(path)
    (cli.folder / "a" / "bad.png").write_text("words")
    result = cli("detect", "a", "b", "-", "-r", "--draw", "out/deep", *NUMPY, stdin=b"")
    assert result.code == 1
    written = {str(p.relative_to(cli.folder / "out/deep")) for p in cli.folder.rglob("deep/**/*.*")}
    assert written == {"x.png", "x-2.png", "sub/y.gif.png", "z.tiff.png"}


def test_nothing_that_is_read_is_overwritten(cli):
    blank(cli.folder / "a.png")
    before = (cli.folder / "a.png").read_bytes()
    for target in ("a.png", "."):
        result = cli("detect", "a.png", "--draw", target, *NUMPY)
        assert result.code == 2
        assert "would overwrite" in result.err
    assert (cli.folder / "a.png").read_bytes() == before


def test_one_file_for_several_images_is_wrong_usage(cli):
    blank(cli.folder / "a.png")
    blank(cli.folder / "b.png")
    result = cli("detect", "a.png", "b.png", "--draw", "out.png", *NUMPY)
    assert result.code == 2
    assert "found 2 images, expected a folder" in result.err


def test_a_drawing_that_cannot_be_written_fails_its_image_alone(cli):
    blank(cli.folder / "a.png")
    (cli.folder / "out").write_text("a file in the way")
    result = cli("detect", "a.png", "--draw", "out", "--json", *NUMPY)
    assert result.code == 1
    assert "out" in result.document["images"][0]["error"]


def test_targets_are_unique(tmp_path):
    sources = [Source(f"{i}/x.jpg", Path("x.jpg")) for i in range(3)]
    assert [path.name for path in _targets(sources, tmp_path / "o")] == [
        "x.jpg", "x-2.jpg", "x-3.jpg",
    ]  # fmt: skip
    with pytest.raises(InputError):
        _targets(sources, tmp_path / "o.png")


# --- limits and parts ----------------------------------------------------------------------------


def test_max_pixels(cli):
    blank(cli.folder / "a.png", 100, 100)
    refused = cli("detect", "a.png", "--max-pixels", "9999", "--json", *NUMPY)
    assert refused.code == 1
    assert "found 100x100 pixels" in refused.document["images"][0]["error"]
    assert cli("detect", "a.png", "--max-pixels", "10000", *NUMPY).code == 0


def test_a_large_photo_can_be_asked_for(cli):
    image = Image.new("L", (9600, 9600))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    (cli.folder / "big.png").write_bytes(stream.getvalue())
    options = ("--backend", "numpy", "--min-face", "4000", "--json")
    refused = cli("detect", "big.png", *options)
    assert refused.code == 1
    assert "raise max_pixels" in refused.document["images"][0]["error"]
    taken = cli("detect", "big.png", "--max-pixels", "100000000", *options)
    assert taken.code == 0
    assert "warning" not in taken.err


def test_floats_in_json_give_the_same_float32():
    values = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32) * 1e3
    exact = _exact(values)
    assert np.array_equal(np.float32(exact), values)
    assert len(str(exact[0][0])) < 12


def test_rows_of_every_outcome():
    assert list(face_rows(Outcome("a", error="x"))) == [("a", "error", "", "", "", "", "")]
    assert list(face_rows(Outcome("a", 1, 1))) == [("a", "none", "", "", "", "", "")]
    face = {"bbox": [1.0, 2.0, 3.0, 4.0], "det_score": 0.5}
    rows = list(face_rows(Outcome("a", 9, 9, (face,))))
    assert rows == [("a", "1", "0.500", "1.0", "2.0", "3.0", "4.0")]


def test_the_help_names_the_defaults_in_force(cli):
    text = " ".join(cli("detect", "--help", COLUMNS="200").out.split())

    def spaced(values):
        return " ".join(f"{value:g}" for value in values)

    right, original = Options(), Options(compat="zqcnn")
    assert f"much quicker (default: {right.min_face})" in text
    assert f"each network (default: {spaced(right.thresholds)})" in text
    nms = f"(default: {spaced(right.nms_thresholds)}; with --compat: "
    assert f"{nms}{spaced(original.nms_thresholds)})" in text


@pytest.mark.parametrize(
    ("option", "setting", "threads"), [(None, None, 1), ("3", "2", 3), (None, "2", 2)]
)
def test_a_single_image_is_cut_where_threads_are_asked_for(
    monkeypatch, tmp_path, option, setting, threads
):
    from zqcnn_xp import get_backend
    from zqcnn_xp.cli import detect, main

    seen = []

    def make(args, threads):
        seen.append((threads, get_backend("numpy").thread_setting.asked))
        raise InputError("seen")

    monkeypatch.setattr(detect, "make_detector", make)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ZQCNN_XP_THREADS", raising=False)
    if setting:
        monkeypatch.setenv("ZQCNN_XP_THREADS", setting)
    blank(tmp_path / "one.png", 20, 20)
    words = ["--threads", option] if option else []
    assert main(["detect", "one.png", *words]) == 2
    assert seen == [(threads, threads > 1)]
