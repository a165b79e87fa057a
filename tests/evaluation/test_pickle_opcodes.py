"""Pickles of plain data: read as Python reads them; what could do harm is refused."""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation import pickle_opcodes
from zqcnn_xp.evaluation.pickle_calls import Array
from zqcnn_xp.evaluation.pickle_opcodes import read_pickle

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 31), (1 << 31) - 1)
    | st.binary(min_size=1)
    | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.lists(inner).map(tuple),
)  # fmt: skip


def read(data):
    return read_pickle("a.bin", data)


@given(PLAIN, st.integers(0, 5))
def test_plain_data_of_every_protocol(value, protocol):
    assert read(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(6))
def test_values_that_are_shared(protocol):
    image = b"\xff\xd8" * 200
    value = read(pickle.dumps(([image, image], [True, True]), protocol))
    assert value == ([image, image], [True, True])
    assert value[0][0] is value[0][1]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("writable", [False, True])
def test_arrays_of_bytes(protocol, writable):
    array = np.arange(256, dtype=np.uint8)
    array.flags.writeable = writable
    found = read(pickle.dumps([array, np.array([True, False])], protocol))
    assert found == [
        Array("u1", (256,), array.tobytes()),
        Array("b1", (2,), b"\1\0"),
    ]


@pytest.mark.parametrize("protocol", range(6))
def test_truth_values_of_numpy(protocol):
    assert read(pickle.dumps([np.True_, np.False_], protocol)) == [True, False]


def test_what_python_2_writes():
    # cPickle.dumps(([jpeg, png], [True]), 2): strings are bytes, the memo counts from 1
    long = b"\xff" * 300
    data = b"\x80\x02(]q\x01(U\x04jpegT" + struct.pack("<I", 300) + long + b"e]q\x02\x88at."
    assert read(data) == ([b"jpeg", long], [True])


def nested(opcode):
    return b"\x80\x02" + opcode


@pytest.mark.parametrize(
    ("data", "words"),
    [
        # names and calls
        (b"cos\nsystem\n(U\x04trueptR.", "byte 0: found the name 'os.system'"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "the name 'os.system'"),
        (b"]K\1\x93.", "a name of a list and a int"),
        (b")" + b"\x85" * 5000 + b"K\1\x93.", "a name of a tuple and a int"),
        (b"c__builtin__\neval\n.", "the name '__builtin__.eval'"),
        (b"c_codecs\nencode\nq\0X\1\0\0\0xX\5\0\0\0utf-7\x86R.", "an encoding other than latin1"),
        (b"c_codecs\ndecode\n.", "the name '_codecs.decode'"),
        (b"c_codecs\nencode\nX\3\0\0\0\xe2\x82\xacX\6\0\0\0latin1\x86R.", "text that is no latin1"),
        (b"c_codecs\nencode\nK\1\x85R.", "a call of encode with 1 arguments"),
        (b"c_codecs\nencode\nK\1R.", "a call with a int"),
        (b"K\1)R.", "a call of int with 0 arguments"),
        (b"cnumpy\nndarray\n)R.", "a call of ndarray with 0 arguments"),
        (b"cnumpy\ndtype\nX\2\0\0\0O8\x85R.", "a call of dtype with 1"),
        (b"]}b.", "the pickle opcode '}'"),
        (b"])b.", "a state for a list"),
        (b"(i__builtin__\neval\n.", r"the pickle opcode 'i' \(0x69\)"),
        (b"(cos\nsystem\no.", "the name 'os.system'"),
        (b"c_codecs\nencode\n(o.", "the pickle opcode 'o'"),
        (b"c_codecs\nencode\n)\x81.", r"the pickle opcode '\\x81'"),
        (b"c_codecs\nencode\n))\x92.", r"opcode '\\x92'"),
        (b"\x82\1.", r"opcode '\\x82'"),  # EXT1, EXT2, EXT4
        (b"\x83\1\0.", r"opcode '\\x83'"),
        (b"\x84\1\0\0\0.", r"opcode '\\x84'"),
        (b"Pname\n.", "opcode 'P'"),  # PERSID, BINPERSID
        (b"U\1xQ.", "opcode 'Q'"),
        (b"\x97.", r"opcode '\\x97'"),  # NEXT_BUFFER
        (b"\x98.", r"opcode '\\x98'"),  # READONLY_BUFFER
        (b"S'text\n.", "a string without quotes"),
        (b"S'\n.", "a string without quotes"),
        (b"Stext\n.", "a string without quotes"),
        (b"S'\\d'\n.", "an unknown escape"),
        (b"S'\\x1'\n.", "an unknown escape"),
        (b"S'\\\\\\'\n.", "an unknown escape"),
        (b"S'no end", "an argument without an end"),
        (b"\x8b\xff\xff\xff\x7f.", r"opcode '\\x8b'"),  # LONG4
        (b"L" + b"9" * 5000 + b"L\n.", "an argument without an end"),
        (b"L1e5L\n.", "the argument b'1e5L', expected an integer"),
        (b"\x8a\5\1.", "found 2 bytes at the end, expected the 5 of a number"),
        (b"cbuiltins\nbytearray\nK\5\x85R.", "a call of bytearray with 1 arguments"),
        (b"cbuiltins\nbytearray\n)R.", "a call of bytearray with 0 arguments"),
        (b"}.", "opcode '}'"),
        (b"\x8f.", r"opcode '\\x8f'"),
        # lengths and places that lie
        (b"]r\0\0\0\x10.", "byte 1: found the place 268435456 in the memo, expected at most 2"),
        (b"]p268435456\n.", "the place 268435456"),
        (b"]p99999999999\n.", "an argument without an end"),
        (b"]p-1\n.", "the argument b'-1'"),
        (b"]q\7.", "the place 7"),
        (b"h\0.", "the place 0 of the memo, expected one that was filled"),
        (b"j\0\0\0\0.", "the place 0 of the memo"),
        (b"gx\n.", "the argument b'x'"),
        (b"B\xff\xff\xff\x7fabc", "found 3 bytes at the end, expected the 2,147,483,647 of a byte"),
        (b"\x8e" + b"\xff" * 7 + b"\x7fabc", "expected the 9,223,372,036,854,775,807 of"),
        (b"\x96\0\0\0\0\2\0\0\0a", "expected the 8,589,934,592 of"),
        (b"\x8d\0\0\0\0\2\0\0\0a", "expected the 8,589,934,592 of a text"),
        (b"X\xff\xff\xff\xffa", "expected the 4,294,967,295 of a text"),
        (b"T\xff\xff\xff\xffa", "expected the 4,294,967,295 of a byte"),
        (b"\x80\4\x95\xff\xff\xff\xff\0\0\0\0.", "a frame of 4,294,967,295 bytes, expected at mo"),
        (b"I999999999999999\n.", "an argument without an end"),
        (b"I1e5\n.", "the argument b'1e5', expected an integer"),
        (b"c" + b"a" * 100 + b"\n", "an argument without an end"),
        (b"Vno end", "an argument without an end"),
        (b"V\\u12\n.", "damaged text"),
        (b"U\1x\x93.", "an empty stack"),
        (b"X\1\0\0\0\xff.", "damaged text"),
        # the order of things
        (b"", "found 0 bytes at the end, expected the 1 of an opcode"),
        (b".", "an empty stack"),
        (b"\x80\6.", "pickle protocol 6"),
        (b"t.", "no mark"),
        (b"(.", "an empty stack, expected a value"),
        (b"(K\1(e.", "values for a int, expected a list"),
        (b"(e.", "an empty stack"),
        (b"K\1(K\2e.", "values for a int, expected a list"),
        (b"K\1K\2.", "values left over"),
        (b"(K\1", "found 0 bytes at the end"),
        (b"K\1.K", "1 bytes after the end"),
    ],
)  # fmt: skip
def test_what_is_refused(data, words):
    with pytest.raises(DatasetError, match=words):
        read(data)


def test_arrays_are_as_large_as_they_say():
    good = pickle.dumps(np.zeros(100, np.uint8), 2)
    assert read(good) == Array("u1", (100,), bytes(100))
    bad = good.replace(b"K\x64\x85", b"K\x65\x85")
    assert bad != good
    with pytest.raises(DatasetError, match=r"an array of shape \(101,\) with 100 bytes"):
        read(bad)
    for array in (np.zeros(3), np.array(["a"]), np.array([{}], object)):
        with pytest.raises(DatasetError):
            read(pickle.dumps(array, 2))


def test_a_shape_of_many_sizes():
    sizes = b"(" + b"J\xff\xff\xff\x7f" * 100_000 + b"t"
    call = b"cnumpy._core.numeric\n_frombuffer\n(U\1xcnumpy\ndtype\nX\2\0\0\0u1\x85R"
    with pytest.raises(DatasetError, match="an array that is none of bytes"):
        read(call + sizes + b"U\1CtR.")


def test_a_text_encoded_again_and_again():
    text = b"X" + struct.pack("<I", 1000) + b"x" * 1000 + b"q\1"
    again = b"h\0h\1X\6\0\0\0latin1\x86R"
    data = b"c_codecs\nencode\nq\0" + text + b"(" + again * 1000 + b"l."
    with pytest.raises(DatasetError, match="encoded bytes, expected at most"):
        read(data)


def test_lists_of_themselves_and_deep_nests():
    assert read(b"]q\0h\0a.")[0]
    deep = read(b")" + b"\x85" * 100_000 + b".")
    assert len(deep) == 1


def test_too_many_opcodes(monkeypatch):
    monkeypatch.setattr(pickle_opcodes, "MAX_OPCODES", 100)
    with pytest.raises(DatasetError, match="over 100 opcodes"):
        read(b"]" * 101 + b".")


MUTANTS = """
import importlib.util, pickle, random, resource, sys
import numpy as np
from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation.bin_file import read_bin

spec = importlib.util.spec_from_file_location("damage", sys.argv[1])
damage = importlib.util.module_from_spec(spec)
spec.loader.exec_module(damage)
images = [bytes([255, 216, 255]) + bytes(range(200)) for _ in range(6)]
whole = [pickle.dumps((images, [True, False, True]), p) for p in range(6)]
whole += [pickle.dumps(([np.frombuffer(i, np.uint8) for i in images], np.array([True] * 3)), p)
          for p in range(6)]
whole += [pickle.dumps(([bytearray(i) for i in images], np.array([1, 0, 1])), p) for p in range(6)]
whole.append(b"((lp0\\nS'a\\\\xffb'\\np1\\na" + b"g1\\na" * 5 + b"(lp2\\nL1L\\naI00\\naI01\\nat.")
# the same bytes with Python 2's opcode for a string
whole.append(whole[3].replace(b"B\\xcb\\0\\0\\0", b"T\\xcb\\0\\0\\0"))
rng = random.Random(7)
mutants = [damage.mutate(rng, rng.choice(whole)) for _ in range(1500)]
for _ in range(500):  # opcodes over opcodes
    data = bytearray(rng.choice(whole))
    for _ in range(rng.randrange(1, 6)):
        codes = b"crRiboSL\\x8a\\x81\\x82\\x92\\x93(tlaeqjhp)]}."
        data[rng.randrange(len(data))] = rng.choice(codes)
    mutants.append(bytes(data))
for data in whole:
    read_bin(data)  # what is imported late is imported now
events = []
sys.addaudithook(lambda name, args: events.append(name))
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (64 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
del events[:]
good = 0
for data in mutants:
    try:
        read_bin(data)
        good += 1
    except DatasetError as error:
        str(error)
heard = sorted(set(events))
print(good, heard)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits memory as Linux does")
def test_mutants_import_run_and_open_nothing():
    """2,000 of them, in a process with 64 MiB to spare and an ear on all that Python does."""
    damage = Path(__file__).parents[1] / "formats" / "damage.py"
    done = subprocess.run(
        [sys.executable, "-c", MUTANTS, str(damage)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    good, heard = done.stdout.split(" ", 1)
    assert 100 < int(good) < 1500
    assert heard.strip() == "[]"
