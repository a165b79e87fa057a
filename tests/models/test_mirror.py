"""Mirrors: which folder or address a setting means, and what is looked for there."""

from __future__ import annotations

import pytest

from zqcnn_xp.errors import ConfigError
from zqcnn_xp_models.mirror import find_in_folder, is_address, mirror_folder, mirror_urls


def test_folders_and_addresses(tmp_path):
    assert is_address("HTTP://models.example")
    assert not is_address(str(tmp_path))
    assert mirror_folder(str(tmp_path)) == tmp_path
    assert mirror_folder(tmp_path.as_uri()) == tmp_path
    with pytest.raises(ConfigError, match="no such folder"):
        mirror_folder(str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="expected a folder, or http"):
        mirror_folder("ftp://models.example/a")


def test_addresses_keep_to_the_mirror(data, make_card):
    card = make_card(data, "https://origin.example/owner/model")
    urls = list(mirror_urls("http://m.example/base/", card, card.files[0]))
    assert urls == [
        f"http://m.example/base/{card.files[0].sha256}",
        "http://m.example/base/owner/model",
        "http://m.example/base/made-up/made.up",
        "http://m.example/base/made.up",
    ]


@pytest.mark.parametrize("name", ["{sha}", "made.up", "a/b/c/whatever"])
def test_a_file_is_found_by_what_it_holds(tmp_path, data, make_card, name):
    card = make_card(data)
    path = tmp_path / name.format(sha=card.files[0].sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    assert find_in_folder(tmp_path, card, card.files[0]) == path


def test_a_name_alone_is_not_enough(tmp_path, data, make_card):
    card = make_card(data)
    (tmp_path / "made.up").write_bytes(bytes(len(data)))
    (tmp_path / card.files[0].sha256).write_bytes(data[:-1])
    assert find_in_folder(tmp_path, card, card.files[0]) is None


def test_links_that_lead_nowhere_are_passed_over(tmp_path, data, make_card):
    card = make_card(data)
    try:
        (tmp_path / "made.up").symlink_to(tmp_path / "gone")
    except OSError:
        pytest.skip("no links here")
    assert find_in_folder(tmp_path, card, card.files[0]) is None
