"""A writer's files: checksums of what an append adds."""

from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.gallery.store import files
from zqcnn_xp.gallery.store.files import Growth


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 50))
def test_checksums_do_not_depend_on_the_pieces(parts, chunk):
    usual, files.CHUNK = files.CHUNK, chunk
    try:
        growth = Growth(100)
        for part in parts:
            growth.add(memoryview(part))
    finally:
        files.CHUNK = usual
    whole = b"".join(parts)
    assert growth.end == 100 + len(whole)
    assert growth.sums == [crc32(whole[at : at + chunk]) for at in range(0, len(whole), chunk)]
