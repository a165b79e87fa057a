"""A local server that can misbehave, and cards for made-up files."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from zqcnn_xp_models.cache import Cache
from zqcnn_xp_models.cards.parse import parse_card

CARD = """\
name = "made-up"
task = "test"
summary = "bytes"
format = "zqcnn"
home = "https://models.example/"
[licence]
name = "test licence"
commercial = {commercial}
source = "https://models.example/licence"
terms = "For tests only."
[[files]]
role = "net"
path = "made.up"
bytes = {size}
sha256 = "{sha256}"
url = "{url}"
[preprocessing]
[outputs]
"""


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch, tmp_path):
    """No setting of the user's reaches a test, and no test reaches the user's cache."""
    for name in ("OFFLINE", "MIRROR", "ACCEPT_LICENCE"):
        monkeypatch.delenv(f"ZQCNN_XP_{name}", raising=False)
    monkeypatch.setenv("ZQCNN_XP_CACHE_DIR", str(tmp_path / "user"))
    monkeypatch.setenv("no_proxy", "*")


def card_text(data: bytes, url: str = "", *, commercial: bool = True) -> str:
    return CARD.format(
        commercial=str(commercial).lower(),
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        url=url,
    )


def make_card(data: bytes, url: str = "", *, commercial: bool = True) -> Any:
    return parse_card("made-up.toml", card_text(data, url, commercial=commercial))


@pytest.fixture(name="make_card")
def make_card_fixture():
    """Make the card of one made-up file: ``make_card(data, url, commercial=...)``."""
    return make_card


@pytest.fixture(name="card_text")
def card_text_fixture():
    """Make the text of such a card."""
    return card_text


class Server:
    """Serves ``files``; ``script`` has the next answers' ways of going wrong, in order."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.script: list[Any] = []
        self.asked: Counter[str] = Counter()
        self.ranges: list[str | None] = []
        self.sent = 0
        self.lock = threading.Lock()
        self.stalled = threading.Event()
        self.go_on = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                with suppress(ConnectionError):
                    outer.answer(self)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def close(self) -> None:
        self.go_on.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        with self.lock:
            self.asked[request.path] += 1
            self.ranges.append(request.headers.get("Range"))
            way = self.script.pop(0) if self.script else None
        request.close_connection = True
        if isinstance(way, int):
            self.plain(request, way, b"<html>sorry</html>")
        elif isinstance(way, str):
            request.send_response(302)
            request.send_header("Location", way)
            request.send_header("Content-Length", "0")
            request.end_headers()
        elif request.path not in self.files:
            self.plain(request, 404, b"nothing here")
        else:
            self.file(request, self.files[request.path], way)

    def plain(self, request: BaseHTTPRequestHandler, code: int, body: bytes) -> None:
        request.send_response(code)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def file(self, request: BaseHTTPRequestHandler, data: bytes, way: Any) -> None:
        way = way or {}
        asked = request.headers.get("Range")
        start = 0
        if asked and not way.get("no_ranges"):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            request.send_response(206)
            where = way.get("range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            request.send_header("Content-Range", where)
        else:
            request.send_response(200)
        body = way.get("body", data)[start:]
        if way.get("coding"):
            request.send_header("Content-Encoding", way["coding"])
        if way.get("length", True):
            request.send_header("Content-Length", str(way.get("claim", len(body))))
        request.end_headers()
        part = body[: way.get("only", len(body))]
        request.wfile.write(part)
        request.wfile.flush()
        with self.lock:
            self.sent += len(part)
        if way.get("stall"):
            self.stalled.set()
            self.go_on.wait(120)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def data() -> bytes:
    """Some hundred kilobytes, so that sockets take several reads."""
    return bytes(range(256)) * 1200 + b"end"
