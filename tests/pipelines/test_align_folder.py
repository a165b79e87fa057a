"""Folders of crops: what is written where, what is told of every image, what is left alone."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zqcnn_xp.cli.files import Source, expand
from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.align import align_faces
from zqcnn_xp.pipelines.align_folder import AlignedImage, align_images, crop_names
from zqcnn_xp.pipelines.faces import Faces
from zqcnn_xp.vision.templates import get_template

POINTS = get_template("arcface").points


def detect(image):
    """As many faces as the first pixel says, the later the larger, the earlier the better."""
    count = int(image[0, 0, 0])
    scale = 0.3 + 0.2 * np.arange(count)
    boxes = [[5, 5, 5 + 80 * s, 5 + 80 * s] for s in scale]
    return Faces(
        np.reshape(boxes, (-1, 4)),
        0.9 - 0.1 * np.arange(count),
        POINTS * scale[:, None, None] - 8,
    )


def picture(path, faces, size=(90, 100)):
    pixels = np.random.default_rng(faces).integers(0, 256, (*size, 3), dtype=np.uint8)
    pixels[0, 0] = faces
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="PNG")
    return pixels


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "in"
    for name, faces in {
        "ann/1.png": 1,
        "ann/2.png": 3,
        "bob/1.png": 0,
        "bob/deep/1.png": 2,
    }.items():
        picture(folder / name, faces)
    (folder / "bob" / "bad.png").write_text("words")
    return folder


def run(folder, out, **options):
    return {
        str(Path(image.path).relative_to(folder)): image
        for image in align_images(expand([str(folder)], recursive=True), out, detect, **options)
    }


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def files(out):
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def test_every_image_is_accounted_for(photos, tmp_path):
    images = run(photos, tmp_path / "out")
    assert {name: image.status for name, image in images.items()} == {
        "ann/1.png": "aligned",
        "ann/2.png": "aligned",
        "bob/1.png": "no face",
        "bob/bad.png": "error",
        "bob/deep/1.png": "aligned",
    }
    assert [image.failed for image in images.values()] == [False, False, True, True, False]
    assert [image.found for image in images.values()] == [1, 3, 0, 0, 2]
    assert "bad.png: found a file that begins with" in images["bob/bad.png"].error
    assert files(tmp_path / "out") == ["ann/1.png", "ann/2.png", "bob/deep/1.png"]


@pytest.mark.parametrize(("choice", "index"), [("largest", 2), ("best", 0), ("central", 2)])
def test_the_crop_is_that_of_the_chosen_face(photos, tmp_path, choice, index):
    images = run(photos, tmp_path / "out", choice=choice)
    image = pixels(photos / "ann/2.png")
    wanted = align_faces(image, detect(image).kps[[index]])[0]
    np.testing.assert_array_equal(pixels(tmp_path / "out/ann/2.png"), wanted)
    np.testing.assert_array_equal(images["ann/2.png"].faces.kps[0], detect(image).kps[index])


def test_all_faces_are_numbered(photos, tmp_path):
    images = run(photos, tmp_path / "out", choice="all", template="sphereface")
    assert files(tmp_path / "out") == [
        "ann/1-1.png", "ann/2-1.png", "ann/2-2.png", "ann/2-3.png",
        "bob/deep/1-1.png", "bob/deep/1-2.png",
    ]  # fmt: skip
    names = [Path(crop).name for crop in images["ann/2.png"].crops]
    assert names == ["2-1.png", "2-2.png", "2-3.png"]
    assert pixels(tmp_path / "out/ann/1-1.png").shape == (112, 96, 3)


def test_strict_refuses_several_faces(photos, tmp_path):
    images = run(photos, tmp_path / "out", strict=True, choice="all")
    assert images["ann/2.png"] == AlignedImage(str(photos / "ann/2.png"), "several faces", found=3)
    assert images["ann/2.png"].failed
    assert files(tmp_path / "out") == ["ann/1.png"]


@pytest.mark.parametrize("threads", [1, 3])
def test_the_order_is_that_of_the_images(photos, tmp_path, threads):
    found = run(photos, tmp_path / f"out{threads}", threads=threads)
    assert list(found) == ["ann/1.png", "ann/2.png", "bob/1.png", "bob/bad.png", "bob/deep/1.png"]


def test_jpeg_is_close(photos, tmp_path):
    run(photos, tmp_path / "out", suffix="jpg")
    assert files(tmp_path / "out") == ["ann/1.jpg", "ann/2.jpg", "bob/deep/1.jpg"]
    assert (tmp_path / "out/ann/2.jpg").read_bytes().startswith(b"\xff\xd8\xff")
    image = pixels(photos / "ann/2.png")
    wanted = align_faces(image, detect(image).kps[[2]])[0]
    assert np.abs(pixels(tmp_path / "out/ann/2.jpg").astype(int) - wanted).mean() < 6


@pytest.mark.parametrize("choice", ["largest", "all"])
def test_a_run_that_was_stopped_goes_on(photos, tmp_path, choice):
    out = tmp_path / "out"
    run(photos, out, choice=choice)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    gone = out / "ann" / ("1-1.png" if choice == "all" else "1.png")
    gone.unlink()
    seen = []

    def watched(image):
        seen.append(image)
        return detect(image)

    sources = expand([str(photos)], recursive=True)
    images = list(align_images(sources, out, watched, choice=choice, skip_existing=True))
    assert [image.status for image in images] == ["aligned", "kept", "no face", "error", "kept"]
    assert len(seen) == 2
    assert images[1].crops == (str(out / "ann" / ("2-1.png" if choice == "all" else "2.png")),)
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert after.keys() == before.keys()
    assert {path for path in after if after[path] != before[path]} == {gone}


def test_the_first_of_several_crops_is_written_last(photos, tmp_path, monkeypatch):
    from zqcnn_xp.pipelines import align_folder as module

    order = []
    monkeypatch.setattr(module, "_save", lambda target, crop, suffix: order.append(target.name))
    run(photos / "ann", tmp_path / "out", choice="all")
    assert order == ["1-1.png", "2-3.png", "2-2.png", "2-1.png"]


def test_names_stay_apart():
    relative = ["a/x.jpg", "a/x.png", "a/X.gif", "b/x.jpg", "x.tar.png", "x.jpg", "x.jpg"]
    names = crop_names(
        [Source(f"{i}/{name}", Path(name)) for i, name in enumerate(relative)], "png"
    )
    assert [str(name) for name in names] == [
        "a/x.jpg.png", "a/x.png.png", "a/X.gif.png", "b/x.png", "x.tar.png",
        "x.jpg.png", "x.jpg-2.png",
    ]  # fmt: skip
    assert len({str(name).lower() for name in names}) == len(names)


def test_nothing_that_is_read_is_overwritten(photos):
    before = {path: path.read_bytes() for path in photos.rglob("*.png")}
    with pytest.raises(InputError, match="would overwrite"):
        run(photos, photos)
    other = photos.parent / "link"
    other.symlink_to(photos)
    with pytest.raises(InputError, match="would overwrite"):
        run(photos, other)
    assert {path: path.read_bytes() for path in photos.rglob("*.png")} == before


def test_a_numbered_crop_over_an_image_fails_that_image(tmp_path):
    out = tmp_path / "out"
    picture(out / "sub" / "a-1.png", 0)
    picture(tmp_path / "in" / "sub" / "a.png", 1)
    before = (out / "sub" / "a-1.png").read_bytes()
    sources = expand([str(out / "sub"), str(tmp_path / "in")], recursive=True)
    images = list(align_images(sources, out, detect, choice="all"))
    assert [image.status for image in images] == ["no face", "error"]
    assert "would overwrite" in images[1].error
    assert (out / "sub" / "a-1.png").read_bytes() == before


def test_points_that_fit_no_crop_fail_their_image(photos, tmp_path):
    def flat(image):
        faces = detect(image)
        return Faces(faces.bbox, faces.det_score, np.ones((len(faces), 5, 2)))

    images = list(align_images(expand([str(photos / "ann")]), tmp_path / "out", flat))
    assert [image.status for image in images] == ["error", "error"]
    assert f"{photos / 'ann/1.png'}: face 0" in images[0].error


def test_a_detector_without_points(photos, tmp_path):
    def boxes(image):
        faces = detect(image)
        return Faces(faces.bbox, faces.det_score)

    images = list(align_images(expand([str(photos / "ann")]), tmp_path / "out", boxes))
    assert all("five points" in image.error for image in images)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_cannot_be_written(photos, tmp_path):
    out = tmp_path / "out"
    out.mkdir(mode=0o500)
    assert {image.status for image in run(photos / "ann", out).values()} == {"error"}


def test_a_file_in_the_way_fails_its_images(photos, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "ann").write_text("a file")
    images = run(photos, out)
    assert [images[name].status for name in ("ann/1.png", "bob/deep/1.png")] == ["error", "aligned"]
    assert "ann" in images["ann/1.png"].error


def test_what_cannot_be_found_is_told(tmp_path):
    (image,) = align_images(expand([str(tmp_path / "none.png")]), tmp_path / "out", detect)
    assert image.status == "error"
    assert "none.png: cannot be read" in image.error
    (image,) = align_images(expand([str(tmp_path)]), tmp_path / "out", detect)
    assert "found no images in this folder" in image.error


@pytest.mark.parametrize("options", [{"template": "x"}, {"choice": "x"}, {"suffix": "gif"}])
def test_arguments_that_do_not_fit(photos, tmp_path, options):
    with pytest.raises(InputError, match="found"):
        align_images(expand([str(photos / "ann")]), tmp_path / "out", detect, **options)


def test_the_largest_image(photos, tmp_path):
    images = run(photos / "ann", tmp_path / "out", max_pixels=8999)
    assert all("found 100x90 pixels" in image.error for image in images.values())
