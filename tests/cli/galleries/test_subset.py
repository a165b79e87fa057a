"""``gallery subset``: persons whose photos agree, or some at random."""

from __future__ import annotations


def test_who_agrees(cli, gallery, faces):
    for number in range(2):
        faces.save(cli.folder / "known" / "Eve" / f"{number}.png", ("Eve", "Ann")[number])
    gallery("add", "known", "--aligned")
    command = ("subset", "part", "--images", "3", "--threshold", "0.7", "--json")
    assert gallery(*command).document == {"gallery": "part", "rows": 20, "people": 4}
    info = cli("gallery", "info", "part", "--json").document
    assert info["people"] == 4
    assert info["model"].endswith("net.zqparams")


def test_at_random(cli, gallery):
    for seed, name in ((1, "a"), (1, "b"), (2, "c")):
        command = ("subset", name, "--people", "2", "--images", "2", "3", "--seed", seed)
        assert "6 rows of 2 persons copied" in gallery(*command).err
    files = [(cli.folder / name / "rows").read_bytes() for name in "abc"]
    assert files[0] == files[1] != files[2]


def test_wrong_usage(gallery):
    for arguments in (
        (),
        ("--threshold", "0.5", "--people", "1"),
        ("--threshold", "0.5", "--images", "1", "2"),
        ("--people", "9"),
    ):
        assert gallery("subset", "part", *arguments).code == 2
