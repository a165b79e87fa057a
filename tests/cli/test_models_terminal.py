"""``models pull`` at a terminal: a question about the licence, and a bar."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pty = pytest.importorskip("pty", reason="no pseudo-terminals here")


@pytest.fixture
def at_terminal(tmp_path):
    """Run a command with a terminal as input and error output; answer with some bytes."""

    def run(*args, answer=b""):
        ours, theirs = pty.openpty()
        clean = {key: value for key, value in os.environ.items() if "ZQCNN_XP" not in key}
        process = subprocess.Popen(
            [sys.executable, "-m", "zqcnn_xp", "models", "pull", *map(str, args)],
            stdin=theirs,
            stderr=theirs,
            stdout=subprocess.PIPE,
            env=clean | {"ZQCNN_XP_CACHE_DIR": str(tmp_path), "TERM": "xterm", "COLUMNS": "100"},
        )
        os.close(theirs)
        os.write(ours, answer)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            seen += piece
        out, _ = process.communicate(timeout=240)
        os.close(ours)
        return process.returncode, out.decode(), seen.decode()

    return run


def test_the_licence_is_shown_and_asked_about_once(at_terminal, shared_data):
    args = ("mobilefacenet-ncnn", "--offline", "--mirror", shared_data)
    code, out, seen = at_terminal(*args, answer=b"n\n")
    assert (code, out) == (1, "")
    assert "non-commercial research" in seen
    assert "Do you accept these terms? [y/N]" in seen
    code, out, seen = at_terminal(*args, answer=b"y\n")
    assert code == 0, seen
    assert seen.count("[y/N]") == 1
    assert "mobilefacenet.bin" in seen  # its bar
    assert out.splitlines()[1].endswith("mobilefacenet.bin")
    code, out, seen = at_terminal(*args)
    assert code == 0
    assert "[y/N]" not in seen
