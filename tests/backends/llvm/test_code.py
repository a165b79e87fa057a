"""Machine code: compiled once, shared, kept on disk, for other processors too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.cache import ObjectCache
from zqcnn_xp_llvm.code import Code, _key, compile_object, shared_code, source
from zqcnn_xp_llvm.kernels.copies import CopyCells, CopyRuns, Turn
from zqcnn_xp_llvm.target import NEON, host_target

KERNELS = [CopyRuns(1), CopyCells(), Turn(True)]


def test_each_kernel_is_compiled_once():
    code = Code(host_target())
    first = code.addresses(KERNELS)
    assert code.compiled == len(KERNELS)
    assert code.addresses([*KERNELS, KERNELS[0]]) == first
    assert code.compiled == len(KERNELS)
    assert all(first.values())
    assert len(set(first.values())) == len(KERNELS)


def test_threads_that_want_the_same_kernels_share_them():
    code = Code(host_target())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: code.addresses(KERNELS), range(16)))
    assert all(addresses == found[0] for addresses in found)
    assert code.compiled == len(KERNELS)


def test_another_process_finds_the_objects(tmp_path):
    one = Code(host_target(), cache=ObjectCache(tmp_path / "c"))
    one.addresses(KERNELS)
    one.driver()
    two = Code(host_target(), cache=ObjectCache(tmp_path / "c"))
    two.addresses(KERNELS)
    assert two.driver()
    assert (two.compiled, two.loaded) == (0, len(KERNELS) + 1)
    # Other vectors and checks are other objects.
    for other in (
        Code(host_target(128), cache=ObjectCache(tmp_path / "c")),
        Code(host_target(), checked=True, cache=ObjectCache(tmp_path / "c")),
    ):
        other.addresses(KERNELS[:1])
        assert other.loaded == (1 if other.target == one.target and not other.checked else 0)


def test_a_damaged_object_is_compiled_again(tmp_path):
    folder = tmp_path / "c"
    Code(host_target(), cache=ObjectCache(folder)).addresses(KERNELS)
    for path in folder.iterdir():
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    again = Code(host_target(), cache=ObjectCache(folder))
    assert all(again.addresses(KERNELS).values())
    assert again.compiled == len(KERNELS)


def test_keys_tell_everything_apart_that_matters():
    made = {
        _key(target, checked, what)
        for target in (host_target(), NEON)
        for checked in (False, True)
        for what in ("driver", repr(CopyRuns(1)))
    }
    assert len(made) == 8


@pytest.mark.parametrize("kernel", [None, *KERNELS])
def test_objects_for_another_processor(kernel):
    """64-bit Arm, whatever this machine is: an ELF file of machine 183."""
    data = compile_object(NEON, kernel)
    assert data[:4] == b"\x7fELF"
    assert int.from_bytes(data[18:20], "little") == 183
    assert (kernel.symbol if kernel else "zqcnn_run") in source(NEON, kernel)


def test_a_process_holds_one_code_for_a_target():
    assert shared_code(host_target(), False) is shared_code(host_target(), False)
    assert shared_code(host_target(), True) is not shared_code(host_target(), False)
