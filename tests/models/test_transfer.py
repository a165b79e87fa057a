"""Bytes over HTTP: whole, resumed, refused, and never more than were asked for."""

from __future__ import annotations

import pytest

from zqcnn_xp_models.transfer import TransferError, copy, download


@pytest.fixture
def part(tmp_path):
    return tmp_path / "a.part"


def test_a_file_comes_whole_and_progress_ends_at_its_size(server, data, part):
    server.files["/a"] = data
    seen = []
    download(f"{server.url}/a", part, len(data), progress=lambda have, size: seen.append(have))
    assert part.read_bytes() == data
    assert seen == sorted(seen)
    assert seen[-1] == len(data)
    assert server.ranges == [None]


def test_what_is_here_is_not_asked_for_again(server, data, part):
    server.files["/a"] = data
    part.write_bytes(data[:1000])
    download(f"{server.url}/a", part, len(data))
    assert part.read_bytes() == data
    assert server.ranges == ["bytes=1000-"]
    download(f"{server.url}/a", part, len(data))
    assert server.asked["/a"] == 1


def test_a_server_without_ranges_starts_anew(server, data, part):
    server.files["/a"] = data
    server.script = [{"no_ranges": True}]
    part.write_bytes(b"other bytes")
    download(f"{server.url}/a", part, len(data))
    assert part.read_bytes() == data


def test_a_part_that_is_too_long_starts_anew(server, data, part):
    server.files["/a"] = data
    part.write_bytes(data + b"more")
    download(f"{server.url}/a", part, len(data))
    assert part.read_bytes() == data


@pytest.mark.parametrize(
    ("way", "words", "again"),
    [
        ({"only": 1000}, r"end after 1,000 of", True),
        ({"only": 1000, "length": False}, r"end after 1,000 of", True),
        ({"claim": 5}, "5 bytes to come, expected", False),
        ({"body": bytes(10**6)}, "1000000 bytes to come, expected", False),
        ({"body": bytes(10**6), "length": False}, "more than", False),
        ({"coding": "gzip"}, "coded as gzip", False),
        (404, "404", False),
        (403, "403", False),
        (500, "500", True),
        (503, "503", True),
        (429, "429", True),
        (204, "status 204", False),
        ("/a", "302", False),
        ("file:///etc/hostname", "302", False),
        ("ftp://127.0.0.1/a", "302|ftp", False),
    ],
)
def test_answers_that_are_none(server, data, part, way, words, again):
    server.files["/a"] = data
    server.script = [way] * 30
    with pytest.raises(TransferError, match=words) as caught:
        download(f"{server.url}/a", part, len(data))
    assert caught.value.again == again
    assert not part.exists() or part.stat().st_size <= len(data)


def test_a_redirection_is_followed(server, data, part):
    server.files["/b"] = data
    server.script = [f"{server.url}/b"]
    download(f"{server.url}/a", part, len(data))
    assert part.read_bytes() == data


@pytest.mark.parametrize("where", ["bytes 0-9/10", "bytes 7-8/*", "nonsense", "bytes 1000-1/5"])
def test_a_range_that_was_not_asked_for_is_refused(server, data, part, where):
    server.files["/a"] = data
    server.script = [{"range": where}]
    part.write_bytes(data[:1000])
    with pytest.raises(TransferError, match="the range"):
        download(f"{server.url}/a", part, len(data))
    assert part.read_bytes() == data[:1000]


def test_a_range_that_cannot_be_had_drops_the_part(server, data, part):
    server.script = [416]
    part.write_bytes(b"other bytes")
    with pytest.raises(TransferError, match="416") as caught:
        download(f"{server.url}/a", part, len(data))
    assert caught.value.again
    assert not part.exists()


def test_a_server_that_falls_silent_is_left(server, data, part):
    server.files["/a"] = data
    server.script = [{"only": 1000, "stall": True}]
    with pytest.raises(TransferError, match="in time after 1,000 bytes") as caught:
        download(f"{server.url}/a", part, len(data), timeout=1.5)
    assert caught.value.again
    assert part.read_bytes() == data[:1000]


def test_no_server_is_worth_another_try(server, data, part):
    url = server.url
    server.close()
    with pytest.raises(TransferError, match="Refused") as caught:
        download(f"{url}/a", part, len(data))
    assert caught.value.again
    assert not part.exists()


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://h/a", "data:,abc", "made up"])
def test_only_http_is_spoken(part, url):
    with pytest.raises(TransferError):
        download(url, part, 3)
    assert not part.exists()


def test_a_disk_that_is_full_is_an_os_error(server, data, tmp_path):
    full = tmp_path / "a.part"
    try:
        full.symlink_to("/dev/full")
        full.open("r+b").close()
    except OSError:
        pytest.skip("no /dev/full here")
    server.files["/a"] = data
    with pytest.raises(OSError, match="space"):
        download(f"{server.url}/a", full, len(data))


def test_a_local_copy(tmp_path, data, part):
    source = tmp_path / "source"
    source.write_bytes(data)
    copy(source, part, len(data))
    assert part.read_bytes() == data
    with pytest.raises(TransferError, match="end after"):
        copy(source, part, len(data) + 1)
    with pytest.raises(TransferError, match="more than"):
        copy(source, part, len(data) - 1)
    with pytest.raises(TransferError, match="cannot be read"):
        copy(tmp_path / "none", part, 3)
