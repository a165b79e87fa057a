"""The weight file of a .zqparams file, or random weights."""

import io

import numpy as np
import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats import Limits
from zqcnn_xp.formats.zqcnn.record import Record
from zqcnn_xp.formats.zqcnn.weights import FileWeights, open_weights

RECORD = Record("net", 7, "Scale", (("name", "s1"),))


def test_no_weights_at_all():
    with pytest.raises(FormatError, match=r"net: found no weights, expected the \.nchwbin"):
        open_weights(None, "net", None, Limits())


def test_random_weights_are_seeded():
    def take(text):
        return open_weights(text, "net", None, Limits()).take(RECORD, "weight", (64, 3, 3, 3))

    assert np.array_equal(take("random"), take("random:0"))
    assert np.array_equal(take("random:7"), take("random:7"))
    assert not np.array_equal(take("random:7"), take("random:8"))
    assert take("random").dtype == np.float32
    assert float(take("random").std()) == pytest.approx((2 / 27) ** 0.5, rel=0.1)


def test_a_path_called_random_is_a_path(tmp_path):
    path = tmp_path / "random"
    path.write_bytes(b"\0" * 4)
    assert isinstance(open_weights(path, "net", None, Limits()), FileWeights)
    assert isinstance(open_weights(io.BytesIO(), "net", None, Limits()), FileWeights)
