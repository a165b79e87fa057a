"""Printing: exact JSON, tables that cut nothing, no progress bar in a pipe."""

from __future__ import annotations

import io
import json
import sys

from zqcnn_xp.cli.output import print_json, print_table, tracked


def test_json_is_ascii_and_exact(capsys):
    document = {"path": "Größe 顔 \udcff.png", "score": 0.1, "none": None}
    print_json(document)
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == document


def test_tables_show_markup_and_long_cells_as_they_are(capsys):
    long = "x" * 150
    print_table(("name", "n"), [("[red]a[/red]", 1), (long, 22)], title="[t]", right=("n",))
    out = capsys.readouterr().out
    assert "[red]a[/red]" in out
    assert "[t]" in out
    assert long in out


def test_footers(capsys):
    print_table(("name", "n"), [("a", 1)], footer=("total", "7"))
    out = capsys.readouterr().out
    assert "total" in out
    assert "7" in out


def test_a_table_in_a_pipe_is_plain_text(capsys):
    rows = [("a", 1, "顔"), ("bc\nd", 22, None)]
    print_table(("name", "n", "x"), rows, title="T", right=("n",), footer=("", "23", ""))
    assert capsys.readouterr().out.splitlines() == [
        "T",
        "+------+----+------+",
        "| name |  n | x    |",
        "+------+----+------+",
        "| a    |  1 | 顔   |",
        "| bc   | 22 | None |",
        "| d    |    |      |",
        "+------+----+------+",
        "|      | 23 |      |",
        "+------+----+------+",
    ]
    print_table(("name",), [])
    assert capsys.readouterr().out.splitlines() == ["+------+", "| name |"] + ["+------+"] * 2


def test_a_table_on_a_terminal_fits_it(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "40")
    print_table(("name", "n"), [("x" * 60, 1)], footer=("total", "7"))
    lines = terminal.getvalue().splitlines()
    assert "total" in terminal.getvalue()
    assert sum(line.count("x") for line in lines) == 60
    assert all(line.count("x") <= 40 for line in lines)


def test_no_progress_bar_without_a_terminal(capsys):
    assert list(tracked(iter(range(5)), 5, "working")) == list(range(5))
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_progress_bar_where_a_person_looks_on(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    assert list(tracked(iter("abc"), 3, "working")) == ["a", "b", "c"]
    assert "working" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
    before = len(terminal.getvalue())
    assert list(tracked(iter("a"), 1, "working")) == ["a"]
    assert len(terminal.getvalue()) == before
