"""Choosing a backend: plugins of every kind, the order of sources, automatic choice, reports."""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from zqcnn_xp import registry
from zqcnn_xp.backend import Availability, Backend
from zqcnn_xp.config import using
from zqcnn_xp.errors import BackendUnavailable, ConfigError, InputError
from zqcnn_xp.registry import device_report, get_backend, list_backends


class Plain(Backend):
    """The one that always runs."""

    name = "plain"

    def __init__(self, device=None, *, level=0):
        super().__init__(np, device)
        self.level = level

    @classmethod
    def auto_score(cls):
        return 10, "plain is always there"

    @classmethod
    def probe(cls):
        return Availability(ready=True, version="1.2", devices=("cpu",))


class Quick(Plain):
    """The one that auto prefers."""

    name = "quick"

    @classmethod
    def auto_score(cls):
        return 50, "quick has a device"


class Absent(Quick):
    """Promising, but it cannot start."""

    name = "absent"

    def __init__(self, device=None):
        raise BackendUnavailable("no device found", pip="pip install absent")

    @classmethod
    def probe(cls):
        return Availability(ready=False, reason="no device found", pip="pip install absent")


class Crashing(Quick):
    """A plugin that fails in every way that is not foreseen."""

    name = "crashing"

    def __init__(self, device=None):
        raise OSError("libgpu.so.1: cannot open")

    @classmethod
    def probe(cls):
        raise OSError("libgpu.so.1: cannot open")


class Scoreless(Plain):
    """Not even its score can be had."""

    name = "scoreless"

    @classmethod
    def auto_score(cls):
        raise KeyError("score")


class Shy(Plain):
    """Never taken on its own."""

    name = "shy"

    @classmethod
    def auto_score(cls):
        return 0, "shy"


NO_BACKEND = "just a string"


@pytest.fixture(autouse=True)
def clean(tmp_path, monkeypatch):
    for name in ("BACKEND", "DEVICE", "STRICT", "THREADS"):
        monkeypatch.delenv(f"ZQCNN_XP_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def plugins(monkeypatch):
    """Install plugins: name to a class of this file, or any entry point value."""
    monkeypatch.setitem(sys.modules, "fake_plugins", sys.modules[__name__])

    def install(*names, **values):
        points = [EntryPoint(n.lower(), f"fake_plugins:{n}", registry.GROUP) for n in names]
        points += [EntryPoint(n, v, registry.GROUP) for n, v in values.items()]
        monkeypatch.setattr(
            registry, "entry_points", lambda *, group: points if group == registry.GROUP else []
        )

    return install


def test_the_shipped_plugins_are_found():
    assert {"numpy", "llvm", "jax", "cupy"} <= {listed.name for listed in list_backends()}


def test_the_order_of_sources(plugins, clean, monkeypatch):
    plugins("Plain", "Quick", "Shy")
    assert get_backend().name == "quick"
    assert get_backend().choice.source == "auto"
    (clean / "zqcnn-xp.toml").write_text('backend = "plain"\n')
    assert get_backend().choice.source == str(clean / "zqcnn-xp.toml")
    monkeypatch.setenv("ZQCNN_XP_BACKEND", "shy")
    assert get_backend().choice.source == "ZQCNN_XP_BACKEND"
    with using(backend="quick"):
        assert get_backend().choice.source == "using()"
        assert get_backend("shy").choice.source == "argument"
        assert get_backend("shy").name == "shy"
        assert get_backend().name == "quick"
    assert get_backend().name == "shy"


def test_auto_can_be_asked_for_by_any_source(plugins, monkeypatch):
    plugins("Plain", "Quick")
    monkeypatch.setenv("ZQCNN_XP_BACKEND", "auto")
    assert get_backend().choice.source == "auto (ZQCNN_XP_BACKEND)"
    assert get_backend("auto").name == "quick"


def test_auto_says_why(plugins):
    plugins("Plain", "Quick")
    choice = get_backend().choice
    assert choice.reason == "quick has a device"
    assert not choice.fallback


def test_auto_takes_the_next_and_says_what_it_passed_over(plugins):
    plugins("Absent", "Crashing", "Plain")
    made = get_backend()
    assert made.name == "plain"
    assert made.choice.fallback
    for words in ("plain is always there", "absent: no device found", "crashing: OSError: libgpu"):
        assert words in made.choice.reason


def test_auto_survives_a_plugin_without_a_score(plugins):
    plugins("Scoreless", "Plain")
    assert get_backend().name == "plain"
    assert "scoreless: KeyError" in get_backend().choice.reason


def test_equal_scores_are_taken_by_name(plugins):
    plugins("Quick", "Plain", another="fake_plugins:Quick")
    assert isinstance(get_backend(), Quick)


@pytest.mark.parametrize("how", ["argument", "using", "variable", "file"])
def test_strict_refuses_a_fallback(plugins, clean, monkeypatch, how):
    plugins("Absent", "Plain")
    words = r"auto would have taken absent \(quick has a device\), but: no device found"
    if how == "argument":
        with pytest.raises(BackendUnavailable, match=words) as raised:
            get_backend(strict=True)
        assert raised.value.pip == "pip install absent"
        return
    if how == "variable":
        monkeypatch.setenv("ZQCNN_XP_STRICT", "1")
    elif how == "file":
        (clean / "zqcnn-xp.toml").write_text("strict = true\n")
    with using(strict=True if how == "using" else None):
        with pytest.raises(BackendUnavailable, match=words):
            get_backend()
        assert get_backend(strict=False).name == "plain"


def test_auto_never_takes_a_score_of_zero(plugins):
    plugins("Shy")
    with pytest.raises(BackendUnavailable, match="none is installed"):
        get_backend()
    assert get_backend("shy").name == "shy"


def test_no_backend_at_all(plugins):
    plugins("Absent")
    with pytest.raises(BackendUnavailable, match=r"no backend can run here \(absent: no device"):
        get_backend()


def test_an_unknown_name_suggests(plugins):
    plugins("Plain", "Quick")
    with pytest.raises(
        InputError, match=r"'quik' .argument., expected one of auto, plain, quick; "
    ):
        get_backend("quik")
    with pytest.raises(InputError, match="did you mean 'quick'"):
        get_backend("quik")


def test_an_unknown_name_says_which_source_it_came_from(plugins, monkeypatch):
    plugins("Plain")
    monkeypatch.setenv("ZQCNN_XP_BACKEND", "nix")
    with pytest.raises(InputError, match="ZQCNN_XP_BACKEND"):
        get_backend()


@pytest.mark.parametrize("wrong", [3, np, ["numpy"], Plain])
def test_a_backend_of_the_wrong_type_is_refused(wrong):
    with pytest.raises(InputError, match="expected a name or a Backend"):
        get_backend(wrong)


def test_a_named_backend_that_cannot_run_says_why_and_how(plugins):
    plugins("Absent", "Crashing", "Plain")
    with pytest.raises(BackendUnavailable, match=r"no device found; .*pip install absent"):
        get_backend("absent")
    with pytest.raises(BackendUnavailable, match="'crashing' cannot start: OSError: libgpu"):
        get_backend("crashing")


def test_broken_plugins_warn_and_the_others_work(plugins):
    plugins(
        "Plain",
        gone="no_such_module_anywhere:Backend",
        lost="fake_plugins:Lost",
        text="fake_plugins:NO_BACKEND",
    )
    with pytest.warns(RuntimeWarning) as caught:
        assert get_backend().name == "plain"
    words = " ".join(str(w.message) for w in caught)
    for name in ("'gone'", "'lost'", "'text'", "no subclass of Backend"):
        assert name in words
    with pytest.warns(RuntimeWarning, match="cannot be loaded"):
        assert [listed.name for listed in list_backends()] == ["plain"]
    # Asked for by name, the others are not even looked at.
    assert get_backend("plain").name == "plain"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("no_such_module_anywhere:Backend", BackendUnavailable),
        ("fake_plugins:Lost", BackendUnavailable),
        ("fake_plugins:NO_BACKEND", ConfigError),
    ],
)
def test_a_broken_plugin_asked_for_by_name_raises(plugins, value, kind):
    plugins(broken=value)
    with pytest.raises(kind, match="broken"):
        get_backend("broken")


def test_a_failing_probe_is_listed_with_its_reason(plugins):
    plugins("Absent", "Crashing", "Plain")
    found = {listed.name: listed.availability for listed in list_backends()}
    assert found["plain"].ready
    assert found["absent"].pip == "pip install absent"
    assert not found["crashing"].ready
    assert "OSError: libgpu.so.1" in found["crashing"].reason


def test_plugins_are_found_in_installed_distributions(tmp_path, monkeypatch):
    info = tmp_path / "site" / "third_party-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[zqcnn_xp.backends]\nthird = third_party:Third\n")
    (tmp_path / "site" / "third_party.py").write_text(
        "import numpy\nfrom zqcnn_xp.backend import Backend\n"
        "class Third(Backend):\n    name = 'third'\n"
        "    def __init__(self, device=None):\n        super().__init__(numpy, device)\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    try:
        assert get_backend("third").name == "third"
        assert "third" in {listed.name for listed in list_backends()}
    finally:
        sys.modules.pop("third_party", None)


def test_options_reach_the_constructor(plugins):
    plugins("Plain", "Quick")
    assert get_backend("plain", level=3).level == 3
    assert get_backend(level=4).level == 4
    with pytest.raises(InputError, match=r"refused its options \['lvel'\]"):
        get_backend("plain", lvel=3)


def test_a_backend_is_taken_as_it_is(plugins):
    plugins("Plain")
    made = Plain()
    assert get_backend(made) is made
    with using(backend=made):
        assert get_backend() is made
    with pytest.raises(InputError, match="together with device, threads or options"):
        get_backend(made, device="cpu")
    with pytest.raises(InputError, match="together with device, threads or options"):
        get_backend(made, level=1)
    with pytest.raises(InputError, match="together with device, threads or options"):
        get_backend(made, threads=1)


def test_a_device_is_meant_for_the_backend_of_its_source(plugins, clean, monkeypatch):
    plugins("Plain", "Shy")
    (clean / "zqcnn-xp.toml").write_text('backend = "plain"\ndevice = "d4"\n')
    assert get_backend().device == "d4"
    # Another backend, from a stronger source, does not get it ...
    assert get_backend("shy").device is None
    monkeypatch.setenv("ZQCNN_XP_BACKEND", "shy")
    assert get_backend().device is None
    # ... but a device from a source at least as strong is taken.
    monkeypatch.setenv("ZQCNN_XP_DEVICE", "d3")
    assert get_backend().device == "d3"
    with using(device="d2"):
        assert get_backend().device == "d2"
        assert get_backend(device="d1").device == "d1"
    with using(backend="plain"):
        assert get_backend().device is None


def test_the_report(plugins, monkeypatch):
    plugins("Absent", "Plain")
    report = device_report()
    assert (report.backend, report.version, report.device) == ("plain", "1.2", "default")
    assert (report.dtype, report.source, report.fallback) == ("float32", "auto", True)
    assert "absent: no device found" in report.reason
    monkeypatch.setenv("ZQCNN_XP_BACKEND", "plain")
    report = device_report()
    assert (report.source, report.fallback) == ("ZQCNN_XP_BACKEND", False)
    assert report.reason == "asked for by ZQCNN_XP_BACKEND"


def test_the_report_of_a_backend_object(plugins):
    plugins("Plain")
    assert device_report(Plain()).source == "argument"
    assert "object" in device_report(Plain()).reason
    with using(backend=Plain("d")):
        report = device_report()
        assert (report.source, report.device) == ("using()", "d")
    # One that the library chose keeps the reason it was chosen for.
    assert device_report(get_backend()).source == "auto"


def test_the_report_survives_a_failing_probe(plugins, monkeypatch):
    class Half(Plain):
        @classmethod
        def probe(cls):
            raise RuntimeError("driver")

    assert device_report(Half()).version == np.__version__


def test_the_numpy_backend_reports_its_threads(monkeypatch):
    monkeypatch.delenv("ZQCNN_XP_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    report = device_report("numpy")
    assert (report.threads, report.device, report.version) == (1, "cpu", np.__version__)
    assert report.threads_source == "OMP_NUM_THREADS"


def test_threads_reach_every_backend_and_stay(plugins, monkeypatch):
    plugins("Plain", numpy="zqcnn_xp_numpy:NumpyBackend")
    monkeypatch.setenv("ZQCNN_XP_THREADS", "5")
    made = get_backend("numpy", threads=3)
    with using(threads=4):
        held = get_backend("numpy")
        assert device_report(made).threads_source == "argument"
    found = [(b.threads, b.thread_setting.source) for b in (made, held, get_backend("numpy"))]
    assert found == [(3, "argument"), (4, "using()"), (5, "ZQCNN_XP_THREADS")]
    assert get_backend("numpy").with_dtype("float16").threads == 5
    # A backend to which threads mean nothing need not know of them.
    plain = get_backend("plain", threads=3)
    assert (plain.threads, device_report(plain).threads_source) == (None, "")
    assert get_backend("auto", threads=3).choice.fallback is False
    with pytest.raises(InputError, match="argument: found threads = 0"):
        get_backend("numpy", threads=0)
