"""MobileNet-SSD: ZQCNN's file is this network; other class counts."""

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.formats import read_graph
from zqcnn_xp.session import Session
from zqcnn_xp_models import mobilenet_ssd


def test_zqcnns_file_is_this_network(shared_data):
    given = read_graph(shared_data / "zqcnn" / "MobileNetSSD_deploy.zqparams", "random:1")
    graph = mobilenet_ssd.build(weights=given)
    assert [node.op for node in graph.nodes] == [node.op for node in given.nodes]
    assert graph.parameters == given.parameters == 5_783_417
    x = np.random.default_rng(0).random((1, 3, 300, 300), dtype=np.float32)
    names = ["mbox_loc", "mbox_conf_flatten", "mbox_priorbox"]
    found, want = (Session(g, "numpy")(x, names) for g in (graph, given))
    for name in names:
        np.testing.assert_array_equal(found[name], want[name])


@pytest.mark.parametrize(("size", "boxes"), [(300, 1917), (320, 2034)])
def test_as_many_priors_as_boxes_at_other_sizes_and_classes(size, boxes):
    """1,917 is SSD's published number: 3 on 19x19, 6 on 10x10, 5x5, 3x3, 2x2 and 1x1."""
    shapes = mobilenet_ssd.build(classes=4).shapes({"data": (1, 3, size, size)})
    assert shapes["mbox_loc"][1] == 4 * boxes
    assert shapes["mbox_conf"][1] == 4 * boxes
    assert shapes["mbox_priorbox"] == (1, 2, 4 * boxes, 1)


def test_too_few_classes_are_refused():
    with pytest.raises(InputError, match="found 1 classes, expected the background"):
        mobilenet_ssd.build(classes=1)
