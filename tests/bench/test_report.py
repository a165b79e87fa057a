"""What is shown of a comparison, as JSON and as tables."""

import json

from zqcnn_xp.bench.pairs import Comparison, Side
from zqcnn_xp.bench.report import cells, document, head, markdown, verdicts
from zqcnn_xp.bench.timing import Turns


def comparison():
    turns = Turns({"llvm": ((1.0, 1.0),) * 2, "numpy": ((4.0,),) * 2, "ncnn": ((2.0,),) * 2})
    return Comparison(
        (
            Side("llvm", ours=True, difference=0.0, ready_s=1.5, times=turns.timed("llvm")),
            Side("numpy", ours=True, difference=1e-7, ready_s=0.1, times=turns.timed("numpy")),
            Side("ncnn", ours=False, version="1.0", times=turns.timed("ncnn"), difference=2e-6),
            Side("mnn", ours=False, state="missing", message="not installed: pip install MNN"),
            Side("opencv", ours=False, state="different", difference=float("inf"), message="off"),
        ),
        turns,
    )


def test_document_is_json_with_every_side_and_pair():
    found = json.loads(json.dumps(document(comparison()), allow_nan=False))
    assert [side["name"] for side in found["sides"]] == ["llvm", "numpy", "ncnn", "mnn", "opencv"]
    assert found["sides"][0]["times"] == {"median": 1.0, "low": 1.0, "high": 1.0}
    assert found["sides"][3]["times"] is None
    assert found["sides"][4]["difference"] is None
    assert found["best_peer"] == "ncnn"
    assert found["ratios"] == [
        {"backend": "llvm", "peer": "ncnn", "median": 0.5, "low": 0.5, "high": 0.5},
        {"backend": "numpy", "peer": "ncnn", "median": 2.0, "low": 2.0, "high": 2.0},
    ]


def test_rows_have_a_column_for_each_of_our_backends():
    found = comparison()
    columns = head(found)
    assert columns[2:4] == ["llvm / it", "numpy / it"]
    rows = [dict(zip(columns, cells(found, side), strict=True)) for side in found.sides]
    assert rows[2]["runtime"] == "ncnn 1.0"
    assert rows[2]["llvm / it"].startswith("0.500 ")
    assert rows[2]["numpy / it"].startswith("2.00 ")
    assert rows[0]["llvm / it"] == "-"
    assert rows[0]["first result s"] == "1.50"
    assert rows[3]["ms, median (p10-p90)"] == "missing"
    assert rows[3]["difference"] == "-"


def test_sentences_name_the_best_peer_and_every_reason():
    lines = verdicts(comparison())
    assert lines == [
        "llvm takes 0.500 (0.500-0.500) of the time of ncnn, the best peer",
        "numpy takes 2.00 (2.00-2.00) of the time of ncnn, the best peer",
        "mnn: missing: not installed: pip install MNN",
        "opencv: different: off",
    ]


def test_markdown():
    assert markdown(["a", "b"], [["1", "x|y"]]) == "| a | b |\n|---|---|\n| 1 | x\\|y |"
