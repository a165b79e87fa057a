"""Pulling: whole files or none, whatever happens on the way, and the next try works."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest

from zqcnn_xp.errors import ConfigError, LicenceNotAccepted, ModelUnavailable
from zqcnn_xp_models.pull import pull, pull_file

CODE = """
import json, sys
from pathlib import Path
from zqcnn_xp_models.cache import Cache
from zqcnn_xp_models.cards.parse import parse_card
from zqcnn_xp_models.pull import pull
card = parse_card("made-up.toml", Path(sys.argv[1]).read_text())
print(json.dumps({k: str(v) for k, v in pull(card, Cache(Path(sys.argv[2])), pause=0).items()}))
"""


def start(text, cache, tmp_path):
    """Pull in a process of its own."""
    path = tmp_path / "card.toml"
    path.write_text(text)
    return subprocess.Popen(
        [sys.executable, "-c", CODE, str(path), str(cache.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def the_path(cache, card):
    return cache.path(card, card.files[0])


def test_a_model_is_fetched_once(server, cache, data, make_card):
    server.files["/m"] = data
    card = make_card(data, f"{server.url}/m")
    assert cache.state(card, card.files[0]) == "missing"
    places = pull(card, cache)
    assert places == {"net": the_path(cache, card)}
    assert places["net"].read_bytes() == data
    assert pull(card, cache) == places
    assert server.asked["/m"] == 1
    assert cache.state(card, card.files[0]) == "present"


def test_a_changed_file_is_fetched_anew(server, cache, data, make_card):
    server.files["/m"] = data
    card = make_card(data, f"{server.url}/m")
    place = pull(card, cache)["net"]
    place.write_bytes(data[:-1] + b"x")
    assert cache.state(card, card.files[0]) == "changed"
    assert pull(card, cache)["net"].read_bytes() == data


def test_failures_that_pass_are_tried_again(server, cache, data, make_card):
    server.files["/m"] = data
    server.script = [500, {"only": 1000}, {"only": 5000}]
    card = make_card(data, f"{server.url}/m")
    assert pull(card, cache, pause=0)["net"].read_bytes() == data
    assert server.ranges == [None, None, "bytes=1000-", "bytes=6000-"]


def test_a_part_of_another_file_is_found_out(server, cache, data, make_card):
    server.files["/m"] = data
    card = make_card(data, f"{server.url}/m")
    place = the_path(cache, card)
    place.parent.mkdir(parents=True)
    place.with_name("made.up.part").write_bytes(b"x" * 1000)
    assert pull(card, cache, pause=0)["net"].read_bytes() == data
    assert server.ranges == ["bytes=1000-", None]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ([{"body": b"?" * 307203}], "SHA-256 .*, expected"),
        ([404], "404"),
        ([500] * 4, "500"),
        ([{"only": 10}] * 4, "the bytes end after 40 of"),
        (["/m"] * 30, "302"),
    ],
)
def test_nothing_is_left_under_the_name_and_the_next_try_works(
    server, cache, data, make_card, script, words
):
    server.files["/m"] = data
    server.script = list(script)
    card = make_card(data, f"{server.url}/m")
    with pytest.raises(ModelUnavailable, match=words):
        pull(card, cache, pause=0)
    assert not the_path(cache, card).exists()
    server.script = []
    assert pull(card, cache, pause=0)["net"].read_bytes() == data


def test_a_wrong_file_leaves_no_part(server, cache, data, make_card):
    server.files["/m"] = bytes(len(data))
    card = make_card(data, f"{server.url}/m")
    with pytest.raises(ModelUnavailable, match="expected"):
        pull(card, cache, pause=0)
    assert [path.name for path in cache.folder(card).iterdir()] == ["made.up.lock"]


def test_offline_asks_nobody(server, cache, data, make_card):
    server.files["/m"] = data
    card = make_card(data, f"{server.url}/m")
    offline = replace(cache, offline=True)
    with pytest.raises(ModelUnavailable, match="offline: unset ZQCNN_XP_OFFLINE"):
        pull(card, offline)
    assert not server.asked
    pull(card, cache)
    assert pull(card, offline)["net"].read_bytes() == data


def test_offline_ignores_a_mirror_on_the_network(server, cache, data, make_card):
    server.files["/made.up"] = data
    card = make_card(data)
    with pytest.raises(ModelUnavailable, match="offline"):
        pull(card, replace(cache, offline=True, mirror=server.url))
    assert not server.asked


def test_a_folder_serves_offline(tmp_path, cache, data, make_card):
    card = make_card(data)
    folder = tmp_path / "mirror"
    (folder / "deep").mkdir(parents=True)
    (folder / "made.up").write_bytes(bytes(len(data)))
    (folder / "deep" / "another name").write_bytes(data)
    mirrored = replace(cache, offline=True, mirror=str(folder))
    assert pull(card, mirrored)["net"].read_bytes() == data


@pytest.mark.parametrize("name", ["/{sha}", "/up/stream/m", "/made-up/made.up", "/made.up"])
def test_a_mirror_on_the_network_has_four_names(server, cache, data, make_card, name):
    card = make_card(data, "http://127.0.0.1:9/up/stream/m")
    server.files["/base" + name.format(sha=card.files[0].sha256)] = data
    mirrored = replace(cache, mirror=f"{server.url}/base/")
    assert pull(card, mirrored, pause=0)["net"].read_bytes() == data


def test_the_cards_own_address_follows_the_mirror(server, cache, data, make_card):
    server.files["/m"] = data
    card = make_card(data, f"{server.url}/m")
    mirrored = replace(cache, mirror=f"{server.url}/empty")
    assert pull(card, mirrored, pause=0)["net"].read_bytes() == data


def test_a_mirror_that_is_none_is_a_wrong_setting(cache, data, make_card):
    for mirror, words in (("/no/such/folder", "no such folder"), ("ftp://h", "expected a folder")):
        with pytest.raises(ConfigError, match=words):
            pull(make_card(data), replace(cache, mirror=mirror))


def test_a_model_without_an_address_names_its_page(cache, data, make_card):
    with pytest.raises(ModelUnavailable, match=r"see https://models\.example/, and name"):
        pull(make_card(data), cache)


def test_a_model_of_a_package_names_the_command(cache, data, make_card):
    card = replace(make_card(data), pip="made-up==1.0", module="no_such_package")
    with pytest.raises(ModelUnavailable, match=r"pip install --no-deps made-up==1\.0"):
        pull(card, cache)


def test_limits_are_accepted_before_anything_is_fetched(server, cache, data, make_card):
    server.files["/m"] = data
    card = make_card(data, f"{server.url}/m", commercial=False)
    with pytest.raises(LicenceNotAccepted, match=r"test licence.*For tests only"):
        pull(card, cache)
    asked = []
    with pytest.raises(LicenceNotAccepted):
        pull(card, cache, confirm=lambda card: asked.append(card.name))
    assert asked == ["made-up"]
    assert not server.asked
    with pytest.raises(LicenceNotAccepted):
        pull(card, replace(cache, accepted=frozenset(["another"])))
    place = pull(card, cache, confirm=lambda card: True)["net"]
    assert pull(card, cache)["net"] == place  # what is here needs no second yes
    for accepted in ("*", "made-up"):
        place.unlink()
        pull(card, replace(cache, accepted=frozenset([accepted])))


def test_a_full_disk_leaves_nothing_and_the_next_try_works(server, cache, data, make_card):
    server.files["/m"] = data
    card = make_card(data, f"{server.url}/m")
    part = the_path(cache, card).with_name("made.up.part")
    part.parent.mkdir(parents=True)
    try:
        part.symlink_to("/dev/full")
        part.open("r+b").close()
    except OSError:
        pytest.skip("no /dev/full here")
    with pytest.raises(ModelUnavailable, match=r"No space left.*ZQCNN_XP_CACHE_DIR"):
        pull(card, cache)
    assert not part.is_symlink()
    assert not the_path(cache, card).exists()
    assert pull(card, cache)["net"].read_bytes() == data


def test_too_little_room_is_seen_before_the_first_byte(server, cache, data, make_card, monkeypatch):
    server.files["/m"] = data
    card = make_card(data, f"{server.url}/m")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(ModelUnavailable, match="1,000 bytes free, 307,203 needed"):
        pull(card, cache)
    assert not server.asked


def test_a_disk_that_fills_up_in_the_middle(server, cache, data, make_card, monkeypatch):
    server.files["/m"] = data
    card = make_card(data, f"{server.url}/m")
    sync = os.fsync

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelUnavailable, match="No space left"):
        pull(card, cache)
    assert [path.name for path in cache.folder(card).iterdir()] == ["made.up.lock"]
    monkeypatch.setattr(os, "fsync", sync)
    assert pull(card, cache)["net"].read_bytes() == data


def test_a_folder_that_cannot_be_made(tmp_path, cache, data, make_card):
    (tmp_path / "file").touch()
    with pytest.raises(ModelUnavailable, match=r"cannot be written.*ZQCNN_XP_CACHE_DIR"):
        pull(make_card(data, "http://127.0.0.1:9/m"), replace(cache, root=tmp_path / "file" / "x"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_read_only_cache_serves_but_takes_nothing(server, cache, data, make_card):
    server.files["/m"] = data
    card = make_card(data, f"{server.url}/m")
    place = pull(card, cache)["net"]
    for path in (place, place.parent, cache.root):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert pull(card, cache) == {"net": place}
        other = make_card(data + b"more", f"{server.url}/m")
        with pytest.raises(ModelUnavailable, match="cannot be written"):
            pull(other, cache)
    finally:
        for path in (cache.root, place.parent):
            path.chmod(0o755)


def test_eight_processes_at_once_fetch_once(server, cache, data, card_text, make_card, tmp_path):
    server.files["/m"] = data
    server.script = [{"only": 1000}]  # the first to come is cut off, and goes on
    text = card_text(data, f"{server.url}/m")
    running = [start(text, cache, tmp_path) for _ in range(8)]
    outputs = [process.communicate(timeout=240) for process in running]
    assert [process.returncode for process in running] == [0] * 8, outputs
    (place,) = {json.loads(out)["net"] for out, _ in outputs}
    assert place == str(the_path(cache, make_card(data, f"{server.url}/m")))
    assert the_path(cache, make_card(data)).read_bytes() == data
    assert server.sent == len(data)
    assert server.asked["/m"] == 2


def test_eight_threads_at_once_fetch_once(server, cache, data, make_card):
    server.files["/m"] = data
    card = make_card(data, f"{server.url}/m")
    with ThreadPoolExecutor(8) as pool:
        places = set(pool.map(lambda _: pull_file(card, card.files[0], cache), range(8)))
    assert places == {the_path(cache, card)}
    assert server.asked["/m"] == 1


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_killed_twenty_times_in_the_middle(server, cache, data, card_text, make_card, tmp_path):
    server.files["/m"] = data
    url = f"{server.url}/m"
    card = make_card(data, url)
    place = the_path(cache, card)
    part = place.with_name("made.up.part")
    step = len(data) // 25
    for turn in range(20):
        server.stalled = threading.Event()
        server.go_on = threading.Event()
        server.script = [{"only": step + turn, "stall": True}]
        process = start(card_text(data, url), cache, tmp_path)
        assert server.stalled.wait(120)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=240)
        server.go_on.set()
        assert not place.exists()
        have = part.read_bytes() if part.exists() else b""
        assert data.startswith(have)
        assert len(have) < len(data)
    # A process that is killed before the first bytes reach the disk leaves no file.
    began = part.stat().st_size if part.exists() else 0
    assert pull(card, cache)["net"].read_bytes() == data
    assert server.ranges[-1] == (f"bytes={began}-" if began else None)
    assert not part.exists()
