"""Thread counts: the least of affinity, quota and OMP_NUM_THREADS, unless a number is asked for."""

from __future__ import annotations

import os

import pytest

from zqcnn_xp.config import Setting, using
from zqcnn_xp.errors import InputError
from zqcnn_xp.threads import cpu_count, cpu_limit, cpu_quota, thread_count, thread_setting


@pytest.fixture
def sixteen(monkeypatch):
    """A machine whose affinity mask holds 16 CPUs."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)


@pytest.fixture
def group(tmp_path):
    """Write a control group tree; returns the keyword arguments that find it."""

    def write(membership, **files):
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / "self").write_text(membership)
        return {"groups": tmp_path / "cgroup", "membership": tmp_path / "self"}

    return write


def test_no_limits(sixteen, group):
    where = group("0::/\n")
    assert cpu_quota(**where) is None
    assert cpu_count({}, **where) == 16


@pytest.mark.parametrize(
    ("text", "quota", "count"),
    [
        ("max 100000\n", None, 16),
        ("200000 100000\n", 2.0, 2),
        ("350000 100000\n", 3.5, 3),
        ("50000 100000\n", 0.5, 1),
        ("6400000 100000\n", 64.0, 16),
        ("", None, 16),
        ("what 100000\n", None, 16),
        ("100000 0\n", None, 16),
    ],
)
def test_version_2(sixteen, group, text, quota, count):
    where = group("0::/jobs/one\n", **{"jobs/one/cpu.max": text})
    assert cpu_quota(**where) == quota
    assert cpu_count({}, **where) == count


def test_the_tightest_group_above_counts(sixteen, group):
    where = group(
        "0::/jobs/one\n",
        **{"jobs/one/cpu.max": "800000 100000", "jobs/cpu.max": "300000 100000"},
    )
    assert cpu_count({}, **where) == 3


def test_a_container_sees_its_own_group_as_the_root(sixteen, group):
    where = group("0::/kubepods/pod7/abc\n", **{"cpu.max": "400000 100000"})
    assert cpu_count({}, **where) == 4


@pytest.mark.parametrize("folder", ["cpu,cpuacct", "cpu"])
def test_version_1(sixteen, group, folder):
    where = group(
        "5:devices:/x\n4:cpu,cpuacct:/docker/abc\n0::/\n",
        **{
            f"{folder}/docker/abc/cpu.cfs_quota_us": "500000\n",
            f"{folder}/docker/abc/cpu.cfs_period_us": "100000\n",
            f"{folder}/cpu.cfs_quota_us": "-1\n",
            f"{folder}/cpu.cfs_period_us": "100000\n",
        },
    )
    assert cpu_quota(**where) == 5.0
    assert cpu_count({}, **where) == 5


def test_version_2_beside_version_1(sixteen, group):
    where = group("4:cpu:/\n0::/a\n", **{"unified/a/cpu.max": "200000 100000"})
    assert cpu_count({}, **where) == 2


def test_cpuset_alone_is_no_quota(sixteen, group):
    where = group("3:cpuset:/a\n", **{"cpuset/a/cpu.cfs_quota_us": "100000"})
    assert cpu_quota(**where) is None


@pytest.mark.parametrize(
    ("text", "count"),
    [("4", 4), ("3,2,1", 3), (" 5 ", 5), ("64", 16), ("0", 16), ("-2", 16), ("x", 16), ("", 16)],
)
def test_omp_num_threads(sixteen, group, text, count):
    assert cpu_count({"OMP_NUM_THREADS": text}, **group("0::/\n")) == count


def test_the_environment_is_the_process_s(sixteen, group, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert cpu_count(**group("0::/\n")) == 7


def test_the_affinity_mask_counts(group, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5}, raising=False)
    assert cpu_count({}, **group("0::/\n")) == 2


def test_systems_without_masks_and_groups(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    nowhere = {"groups": tmp_path / "no", "membership": tmp_path / "none"}
    assert cpu_count({}, **nowhere) == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cpu_count({}, **nowhere) == 1


def test_here():
    assert 1 <= cpu_count() <= (os.cpu_count() or 1)
    assert cpu_count({"OMP_NUM_THREADS": "1"}) == 1


def test_the_limit_is_named(sixteen, group):
    def limit(omp, quota):
        return cpu_limit({"OMP_NUM_THREADS": omp}, **group("0::/a\n", **{"a/cpu.max": quota}))

    assert limit("", "max 100000") == (16, "affinity")
    assert limit("", "250000 100000") == (2, "control group quota")
    assert limit("", "50000 100000") == (1, "control group quota")
    assert limit("1", "250000 100000") == (1, "OMP_NUM_THREADS")
    assert limit("3", "250000 100000") == (2, "control group quota")
    assert limit("99", "max 100000") == (16, "affinity")


@pytest.fixture
def unset(monkeypatch, tmp_path):
    """No setting, and OMP_NUM_THREADS at 1."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ZQCNN_XP_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_without_a_setting_the_limit_counts(unset, monkeypatch):
    assert thread_count() == 1
    found = thread_setting()
    assert (found.value, found.asked) == (1, False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    assert thread_setting() == Setting(1, "OMP_NUM_THREADS", 4)


def test_a_number_that_was_asked_for_is_taken_as_it_is(unset, monkeypatch):
    monkeypatch.setenv("ZQCNN_XP_THREADS", "900")
    assert thread_setting() == Setting(900, "ZQCNN_XP_THREADS", 2)
    with using(threads=7):
        assert thread_count() == 7
        assert thread_count(800) == 800
    with pytest.raises(InputError, match="expected an integer of 1 to 1024"):
        thread_count(0)
