"""Licences: what is shown, and who is asked."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import pytest

from zqcnn_xp.errors import LicenceNotAccepted, ModelUnavailable
from zqcnn_xp_models import load_card
from zqcnn_xp_models.licence import describe_licence, require_licence


def test_limits_are_part_of_the_words():
    words = describe_licence(load_card("mobilefacenet-mxnet"))
    assert "not for commercial use" in words
    assert "non-commercial research" in words
    assert "https://" in words


def test_free_models_ask_nobody(cache, data, make_card):
    def never(card):
        raise AssertionError(card)

    require_licence(make_card(data), cache, never)


def test_a_no_is_a_no(cache, data, make_card):
    card = make_card(data, commercial=False)
    with pytest.raises(LicenceNotAccepted, match="ZQCNN_XP_ACCEPT_LICENCE=made-up"):
        require_licence(card, cache, lambda card: False)
    require_licence(card, cache, lambda card: True)
    require_licence(card, replace(cache, accepted=frozenset("*")))


@pytest.mark.parametrize("twin", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_errors_travel_between_processes(twin):
    for error in (LicenceNotAccepted("m", "L", "T"), ModelUnavailable("m, f", ["404"], "hint")):
        again = twin(error)
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)
