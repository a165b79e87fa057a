import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.assembly import Assembly
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.mxnet.record import Record
from zqcnn_xp.ops import Activation, Concat, Identity

PLACE = Record("a.json", 3, "relu", "r", {}, ())


def test_names_of_steps_stay_unique():
    found = Assembly(Limits(), ["y/part"])
    found.shapes["x"] = (1, 3)
    assert found.add(PLACE, Identity(), ("x",), "y", part="part") == "y/part'"
    assert found.add(PLACE, Identity(), ("x",), "y", part="part") == "y/part''"
    assert found.add(PLACE, Activation("relu"), ("x",), "y") == "y"
    assert [node.name for node in found.nodes] == ["r/part", "r/part'", "r"]
    assert found.nodes[0].where == "a.json:3"


def test_refusals_name_the_place():
    found = Assembly(Limits(max_elements=4, max_layers=1))
    found.shapes.update(x=(1, 3), y=(2, 3))
    with pytest.raises(FormatError, match=r"node 3 .*expected equal sizes"):
        found.add(PLACE, Concat(1), ("x", "y"), "z")
    with pytest.raises(FormatError, match=r"6 elements, expected at most 4"):
        found.add(PLACE, Identity(), ("y",), "z")
    found.add(PLACE, Identity(), ("x",), "z")
    with pytest.raises(FormatError, match="more than 1 nodes"):
        found.add(PLACE, Identity(), ("x",), "w")
