"""Bounds of what a model file may ask for."""

import dataclasses

import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.formats import Limits


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Limits)])
@pytest.mark.parametrize("value", [0, -1, 1.5, "2", True, None])
def test_a_bound_is_a_positive_integer(field, value):
    with pytest.raises(InputError, match=rf"Limits\.{field}: found"):
        Limits(**{field: value})


def test_bounds_are_kept():
    assert Limits(max_file=10).max_file == 10
    assert Limits().max_file == 2 << 30
