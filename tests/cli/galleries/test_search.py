"""``gallery search``: who it is, and unknown below the threshold."""

from __future__ import annotations

from zqcnn_xp.cli.photo import find_photos


def test_who_is_it(cli, gallery, faces):
    for person in ("Ann", "Di", "Eve"):
        faces.save(cli.folder / "asked" / f"{person}.png", person)
    (cli.folder / "asked" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = gallery(
        "search", "asked", "missing.png", "--aligned", "--threshold", "0.7", "--top", "2", "--json"
    )
    assert result.code == 1
    document = result.document
    assert document["threshold"] == 0.7
    images = {image["path"]: image for image in document["images"]}
    assert list(images) == [
        *(f"asked/{name}.png" for name in ("Ann", "Di", "Eve", "broken")),
        "missing.png",
    ]
    for person in ("Ann", "Di"):
        (face,) = images[f"asked/{person}.png"]["faces"]
        assert face["person"] == person
        first, second = face["candidates"]
        assert first["person"] == person
        assert first["photo"].startswith(f"{person}/")
        assert first["score"] > 0.7 > second["score"]
    (face,) = images["asked/Eve.png"]["faces"]
    assert face["person"] is None
    assert len(face["candidates"]) == 2
    for name in ("asked/broken.png", "missing.png"):
        assert name in images[name]["error"]
        assert f"error: {images[name]['error']}" in result.err


def test_the_table(cli, gallery, faces):
    faces.save(cli.folder / "a.png", "Ann")
    faces.save(cli.folder / "e.png", "Eve")
    result = gallery("search", "a.png", "e.png", "--aligned", "--threshold", "0.7", "--top", "1")
    assert result.code == 0
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in result.out.splitlines()]
    assert lines[1] == ["image", "face", "person", "score", "photo"]
    assert lines[3][:3] == ["a.png", "1", "Ann"]
    assert lines[4][:3] == ["e.png", "1", "unknown"]
    assert lines[5][2].endswith("?")
    assert "2 faces, 1 known at similarity 0.7, 0 of 2 images failed" in result.err


def test_photos_are_searched_for_faces(cli, gallery):
    photo = find_photos()[0]
    arguments = ("--threshold", "0.999", "--min-face", "60", "--json")
    image = gallery("search", photo.path, *arguments).document["images"][0]
    assert image["faces"][0]["person"] is None
    x1, y1, x2, y2 = image["faces"][0]["bbox"]
    assert 0 < x2 - x1 < 400
    assert 0 < y2 - y1 < 400


def test_several_photos_of_one_person(cli, gallery, faces):
    faces.save(cli.folder / "asked" / "1.png", "Cy", noise=60)
    faces.save(cli.folder / "asked" / "2.png", "Cy")
    (cli.folder / "asked" / "3.png").write_text("words")
    arguments = ("search", "asked", "--aligned", "--threshold", "0.7", "--json")
    result = gallery(*arguments, "--together")
    assert result.code == 1
    failed, found = result.document["images"]
    assert "3.png" in failed["error"]
    assert found["path"] == "asked/1.png, asked/2.png"
    (together,) = found["faces"]
    assert together["person"] == "Cy"
    alone = [image["faces"][0] for image in gallery(*arguments).document["images"][:2]]
    best = max(face["candidates"][0]["score"] for face in alone)
    assert together["candidates"][0]["score"] == best


def test_wrong_usage(gallery):
    nothing_known = gallery("search", "known/Ann", "--aligned")
    assert nothing_known.code == 2
    assert "expected --threshold" in nothing_known.err
    piped = gallery("search", "-", "--aligned", "--threshold", "0.5")
    assert piped.code == 2
    assert "standard input" in piped.err


def test_int8_finds_the_same(cli, gallery, model, faces):
    cli("gallery", "create", "h", *model, "--dtype", "int8")
    cli("gallery", "add", "h", "known", "--aligned")
    for person in ("Bo", "Cy"):
        faces.save(cli.folder / "asked" / f"{person}.png", person)
    arguments = ("search", "asked", "--aligned", "--threshold", "0.7", "--json")
    plain = gallery(*arguments).document["images"]
    rounded = cli("gallery", arguments[0], "h", *arguments[1:]).document["images"]
    for one, other in zip(plain, rounded, strict=True):
        assert one["faces"][0]["person"] == other["faces"][0]["person"]
        assert (
            abs(
                one["faces"][0]["candidates"][0]["score"]
                - other["faces"][0]["candidates"][0]["score"]
            )
            < 0.01
        )


def test_an_empty_gallery_says_so(cli, model, faces):
    """Every face was unknown, as if it had been compared with somebody."""
    faces.save(cli.folder / "a.png", "Ann")
    assert cli("gallery", "create", "g", *model).code == 0
    result = cli("gallery", "search", "g", "a.png", "--aligned", "--threshold", "0.7", "--json")
    assert result.code == 1
    assert "g: found an empty gallery" in result.err
    assert "zqcnn-xp gallery add g FOLDER" in result.document["error"]


def test_a_template_and_values_of_each_channel_stay_with_the_gallery(cli, model, faces):
    faces.save(cli.folder / "known" / "Ann" / "1.png", "Ann")
    fed = ("--mean", "127,128,129", "--template", "insightface")
    assert cli("gallery", "create", "g", *model, *fed).code == 0
    assert cli("gallery", "add", "g", "known", "--aligned").code == 0
    asked = ("gallery", "search", "g", "known", "-r", "--aligned", "--threshold", "0.7")
    assert cli(*asked).code == 0
    other = cli(*asked, "--template", "arcface")
    assert other.code == 1
    assert "template 'insightface' and 'arcface'" in other.err
