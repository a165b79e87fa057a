from zqcnn_xp.errors import ShapeError
from zqcnn_xp.formats.ncnn.record import Record
from zqcnn_xp.formats.place import Numbered, explain

RECORD = Record("a.param", 7, "Slice", "s", (), ())


def test_a_numbered_result_stands_where_its_layer_does():
    place = Numbered(RECORD, "s:1")
    assert (place.file, place.line, place.kind, place.name) == ("a.param", 7, "Slice", "s:1")
    assert str(place.error("1", "2")) == str(RECORD.error("1", "2"))


def test_a_refusal_names_the_line_and_the_layer():
    error = explain(Numbered(RECORD, "s:1"), ShapeError("Slice: found 3 cells, expected 4"))
    assert error.where == "line 7 (Slice 's')"
    assert (error.found, error.expected) == ("3 cells in Slice of layer 's:1'", "4")
    assert (
        explain(RECORD, ShapeError("Slice: found 3")).expected == "attributes that fit its inputs"
    )
