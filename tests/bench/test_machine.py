"""The machine is described from what the system tells, and without it."""

import json
import platform
from dataclasses import asdict

from zqcnn_xp.bench import machine as module
from zqcnn_xp.bench.machine import Machine, machine

INFO = """\
processor\t: 0
model name\t: Some CPU @ 3.00GHz
flags\t\t: sse2 avx2 fma

processor\t: 1
model name\t: Another
flags\t\t: avx512f
"""


def test_this_machine():
    found = machine(["no-such-package"])
    assert found.processors >= 1
    assert found.python == platform.python_version()
    assert "zqcnn-xp" in found.packages
    assert "no-such-package" not in found.packages
    json.dumps(asdict(found))
    assert f"Python {found.python}, zqcnn-xp " in str(found)


def test_the_first_processor_counts(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(INFO)
    lines = module._cpuinfo(tmp_path / "cpuinfo")
    monkeypatch.setattr(module, "_cpuinfo", lambda: lines)
    found = machine()
    assert (found.processor, found.vectors) == ("Some CPU @ 3.00GHz", "AVX2")


def test_a_system_that_tells_nothing(tmp_path):
    assert module._cpuinfo(tmp_path / "nothing") == {}
    blank = Machine("", "riscv64", "", 1, "3.11", {"numpy": "2"})
    assert str(blank) == "unknown processor (riscv64), Python 3.11, numpy 2"
