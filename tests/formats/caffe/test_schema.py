"""The tables of fields."""

import pytest

from zqcnn_xp.formats.caffe import schema
from zqcnn_xp.formats.caffe.schema import V1_TYPES, field_names, field_numbers

KINDS = sorted(schema._MESSAGES)


@pytest.mark.parametrize("kind", KINDS)
def test_every_message_that_is_named_is_there(kind):
    for name, value in field_names(kind).items():
        assert value in ("i", "f", "d", "s", "raw", "-") or value in KINDS, name


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_and_names_are_unique(kind):
    words = schema._MESSAGES[kind].split()
    numbered = [word for word in words if not word.endswith("=0")]
    assert len(field_names(kind)) == len(words)
    assert len(field_numbers(kind)) == len(numbered)


def test_both_versions_name_the_same_parameters():
    old, new = field_names("V1LayerParameter"), field_names("LayerParameter")
    shared = [name for name in old if name.endswith("_param") and name in new]
    assert len(shared) > 25
    assert all(old[name] == new[name] for name in shared)


def test_unknown_messages():
    assert field_names("?") is None
    assert len(set(V1_TYPES.values())) == len(V1_TYPES) == 39
