"""MobileNetV2-YOLOv3: the Darknet files are these networks, names and heads too."""

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.formats import read_graph
from zqcnn_xp.session import Session
from zqcnn_xp_models import mobilenetv2_yolov3

COUNTS = {"Nano": 769_750, "Lite": 1_882_102}


@pytest.mark.parametrize("variant", COUNTS)
def test_the_darknet_files_are_these_networks(shared_data, variant):
    path = shared_data / "darknet" / f"MobileNetV2-YOLOv3-{variant}-voc.cfg"
    given = read_graph(path, path.with_suffix(".weights") if variant == "Nano" else "random:1")
    graph = mobilenetv2_yolov3.build(variant, weights=given)
    assert graph.parameters == given.parameters == COUNTS[variant]
    assert graph.meta == given.meta
    names = [[n.name for n in g.nodes if n.weights] for g in (graph, given)]
    assert names[0] == names[1]
    x = np.random.default_rng(0).random((1, 3, 64, 96), dtype=np.float32)
    found, want = (Session(g, "numpy")(x) for g in (graph, given))
    assert found.keys() == want.keys()
    for name, value in want.items():
        np.testing.assert_array_equal(found[name], value)


def test_classes_set_the_heads():
    graph = mobilenetv2_yolov3.build("Nano", classes=1)
    shapes = graph.shapes({"data": (1, 3, 320, 320)})
    assert [shapes[name] for name in graph.outputs] == [(1, 18, 10, 10), (1, 18, 20, 20)]
    assert [head["classes"] for head in graph.meta["heads"]] == [1, 1]


def test_what_does_not_exist_is_refused():
    with pytest.raises(InputError, match="found variant 'Tiny', expected one of Nano, Lite"):
        mobilenetv2_yolov3.build("Tiny")
    with pytest.raises(InputError, match="found 0 classes"):
        mobilenetv2_yolov3.build(classes=0)
