import numpy as np
import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats import Limits
from zqcnn_xp.formats.assembly import Assembly
from zqcnn_xp.formats.ncnn.record import Record
from zqcnn_xp.formats.operands import Operands


@pytest.fixture
def inputs():
    assembly = Assembly(Limits())
    assembly.shapes = {"map": (1, 3, 4, 5), "row": (1, 6)}
    record = Record("a.param", 7, "Concat", "c", (), ())
    return Operands(record, assembly, ["map", "row", np.zeros(3, np.float32), None])


def test_values_and_shapes(inputs):
    assert (inputs.value(), inputs.value(1)) == ("map", "row")
    assert (inputs.shape(), inputs.shape(1)) == ((1, 3, 4, 5), (1, 6))
    assert inputs.map_shape() == (1, 3, 4, 5)


@pytest.mark.parametrize(
    ("place", "found"), [(2, "an array as input 2"), (3, "none as input 3"), (4, "none as input 4")]
)
def test_what_is_no_value_is_refused_by_line(inputs, place, found):
    with pytest.raises(FormatError, match=rf"^a\.param, line 7 \(Concat 'c'\): found {found}"):
        inputs.value(place)


def test_what_is_no_map_is_refused(inputs):
    with pytest.raises(FormatError, match=r"shape \(1, 6\), expected four dimensions"):
        inputs.map_shape(1)
