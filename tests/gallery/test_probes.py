"""Groups of probes, and batches of groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.probes import batched, grouped


@given(st.lists(st.integers(0, 5)), st.integers(1, 9))
def test_every_probe_is_in_one_batch(groups, size):
    members = grouped(groups, len(groups))
    for probes in members:
        assert len({groups[probe] for probe in probes}) == 1
    batches = batched(list(range(len(members))), members, size)
    assert [group for batch in batches for group in batch] == list(range(len(members)))
    for batch in batches:
        assert len(batch) == 1 or sum(len(members[group]) for group in batch) <= size
    together = [probe for probes in members for probe in probes.tolist()]
    assert sorted(together) == list(range(len(groups)))


def test_no_groups():
    assert [probes.tolist() for probes in grouped(None, 3)] == [[0], [1], [2]]
    assert grouped(np.array([]), 0) == []
    with pytest.raises(InputError, match="found 2 groups for 3 probes"):
        grouped([1, 2], 3)
