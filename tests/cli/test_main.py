"""The command as a whole: help, exit codes, errors in one line, pipes and interrupts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from zqcnn_xp import __version__
from zqcnn_xp.cli import backends as cli_backends
from zqcnn_xp.cli import build_parser, main

COMMANDS = ["detect", "run", "info", "backends", "models", "demo"]


def test_help_names_every_command(cli):
    result = cli("--help")
    assert result.code == 0
    for name in COMMANDS:
        assert f"\n    {name} " in result.out
    assert "exit codes" in result.out


def test_help_needs_nothing_but_the_standard_library():
    code = (
        "import runpy, sys; sys.argv[:] = ['zqcnn-xp', '--help']; before = set(sys.modules)\n"
        "try: runpy.run_module('zqcnn_xp', run_name='__main__')\n"
        "except SystemExit as done: assert not done.code\n"
        "new = {m.split('.')[0] for m in set(sys.modules) - before}; "
        "print('others:', sorted(new - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: zqcnn-xp")
    assert done.stdout.splitlines()[-1] == "others: ['zqcnn_xp']"


def test_parsing_imports_nothing_heavy():
    code = (
        "import sys; from zqcnn_xp.cli import build_parser; build_parser(); "
        "print([m for m in ('numpy', 'PIL', 'cv2', 'rich', 'jax', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_commands_parser_knows_that_command_alone():
    code = (
        "import sys; from zqcnn_xp.cli import build_parser; build_parser('detect'); "
        "print([m for m in ('info', 'bench', 'detect') if f'zqcnn_xp.cli.{m}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['detect']"
    args = build_parser("detect").parse_args(["detect", "a.jpg"])
    assert vars(args).keys() == vars(build_parser().parse_args(["detect", "a.jpg"])).keys()
    for nothing in (None, "nonsense", "--help"):
        parser = build_parser(nothing)
        assert parser.parse_args(["backends"]).command == "backends"


def test_importing_the_library_imports_no_reader_of_images():
    code = (
        "import sys, zqcnn_xp; "
        "print([m for m in ('PIL', 'cv2', 'rich', 'jax', 'onnx', 'cupy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version(cli):
    assert cli("--version").out.strip() == f"zqcnn-xp {__version__}"


@pytest.mark.parametrize("command", [["detect", "x"], ["info", "x"], ["backends"], ["demo"]])
def test_every_command_takes_the_common_options(command):
    args = build_parser().parse_args(
        [*command, "--backend", "numpy", "--device", "cpu", "--json", "--debug"]
    )
    assert (args.backend, args.device, args.json, args.debug) == ("numpy", "cpu", True, True)


@pytest.mark.parametrize(
    "command",
    [[], ["fly"], ["detect"], ["detect", "x", "--min-face", "0"], ["run", "x"], ["models"],
     ["detect", "x", "--thresholds", "1", "2"], ["detect", "x", "--thresholds", "0", "0", "1.5"]],
)  # fmt: skip
def test_wrong_usage_is_2(cli, command):
    result = cli(*command)
    assert result.code == 2
    assert "usage:" in result.err
    assert result.out == ""


def test_an_error_is_one_line_and_1(cli):
    result = cli("info", "missing.zqparams")
    assert result.code == 1
    assert result.out == ""
    assert result.err.startswith("error: missing.zqparams")
    assert len(result.err.splitlines()) == 1


def test_an_error_with_json_is_a_document_too(cli):
    result = cli("info", "missing.zqparams", "--json")
    assert result.code == 1
    assert "missing.zqparams" in result.document["error"]


@pytest.mark.parametrize(
    "words",
    [
        ("gallery", "dedupe", "g", "--threshold", "nan"),
        ("eval", "lfw"),
        ("verify", "a.jpg"),
        ("nothing",),
        ("align", "in", "out", "--no-such-option"),
    ],
    ids=" ".join,
)
def test_wrong_usage_with_json_is_a_document_too(capsys, words):
    with pytest.raises(SystemExit) as stop:
        main([*words, "--json"])
    found = capsys.readouterr()
    assert stop.value.code == 2
    assert list(json.loads(found.out)) == ["error"]
    assert "error: " in found.err
    with pytest.raises(SystemExit):
        main(list(words))
    assert capsys.readouterr().out == ""


def test_wrong_configuration_is_2(cli, net):
    (cli.folder / "zqcnn-xp.toml").write_text("backend = 3\n")
    result = cli("detect", "x.png")
    assert result.code == 2
    assert "zqcnn-xp.toml" in result.err


def test_debug_shows_the_traceback():
    done = subprocess.run(
        [sys.executable, "-m", "zqcnn_xp", "info", "missing.zqparams", "--debug"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_library_warnings_are_one_line(cli, net):
    with (cli.folder / "net.nchwbin").open("ab") as file:
        file.write(bytes(12))
    result = cli("info", net, "net.nchwbin")
    assert result.code == 0
    assert result.err.startswith("warning: ")
    assert "12" in result.err
    assert ".py" not in result.err


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_a_reader_that_leaves_early_is_no_error(cli, net):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "zqcnn_xp", "info", "net.zqparams", "net.nchwbin"],
        cwd=cli.folder,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 141
    assert done.stderr == ""


# A shell's background jobs ignore this signal, and what they start inherits that.
LISTENING = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from zqcnn_xp.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize(
    ("options", "document"), [((), ""), (("--json",), '{\n  "error": "interrupted"\n}\n')]
)
def test_an_interrupt_is_130_without_a_traceback(tmp_path, options, document):
    command = ("detect", "missing.png", "-", "--backend", "numpy", *options)
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENING, *command],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr.readline().startswith("error: missing.png")
    time.sleep(0.3)  # now it waits for standard input, which never comes
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 130
    assert err == "interrupted\n"
    assert out == document


def test_garbage_is_collected_as_before_after_a_command(capsys):
    import gc

    before = gc.get_threshold()
    seen = []
    add = cli_backends.add

    def spy(commands, common):
        seen.append(gc.get_threshold())
        add(commands, common)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli_backends, "add", spy)
        assert main(["backends", "--json"]) == 0
        with pytest.raises(SystemExit):
            main(["backends", "--nonsense"])
    capsys.readouterr()
    assert [threshold[0] >= 100_000 for threshold in seen] == [True, True]
    assert gc.get_threshold() == before


def test_main_returns_codes_in_process(capsys, tmp_path):
    assert main(["info", str(tmp_path / "missing.zqparams")]) == 1
    assert capsys.readouterr().err.startswith("error: ")
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
