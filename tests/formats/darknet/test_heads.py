"""What detection heads say."""

import pytest

CONV = "[conv] filters={} size=1 activation=linear"
YOLO = "[yolo] classes=2 num=3 anchors=1,2,3,4,5,6"


def test_yolo(dk):
    graph = dk.read(
        CONV.format(14), YOLO + " mask=2,0 scale_x_y=1.05 nms_kind=greedynms beta_nms=.2",
        "[route] layers=-2", CONV.format(7), YOLO + " mask=1",
    )  # fmt: skip
    assert graph.outputs == ("convolutional_0", "convolutional_3")
    first, second = graph.meta["heads"]
    assert first == {
        "type": "yolo", "name": "yolo_1", "index": 1, "input": "convolutional_0", "classes": 2,
        "num": 3, "score": "product", "score_threshold": None, "nms_threshold": None,
        "anchors": ((1, 2), (3, 4), (5, 6)), "mask": (2, 0), "stride": 1, "scale_x_y": 1.05,
        "new_coords": False, "nms_kind": "greedynms", "beta_nms": 0.2,
    }  # fmt: skip
    assert (second["name"], second["mask"], second["scale_x_y"]) == ("yolo_4", (1,), 1.0)
    assert graph.subgraph([graph.outputs[0]]).meta == graph.meta


def test_yolo_without_a_mask_takes_all_anchors(dk):
    (head,) = dk.read(CONV.format(21), YOLO).meta["heads"]
    assert head["mask"] == (0, 1, 2)
    (head,) = dk.read(CONV.format(25), "[yolo]").meta["heads"]
    assert (head["classes"], head["anchors"]) == (20, ((0.5, 0.5),))


@pytest.mark.parametrize(
    ("sections", "stride"),
    [
        (("[maxpool] size=2 stride=2",), 2),
        (("[avgpool]",), None),
        (("[maxpool] size=3 stride=3",), None),
    ],
)
def test_the_stride_is_known_where_it_is_whole(dk, sections, stride):
    (head,) = dk.read(*sections, CONV.format(21), YOLO).meta["heads"]
    assert head["stride"] == stride


def test_gaussian_yolo(dk):
    (head,) = dk.read(
        CONV.format(22), "[Gaussian_yolo] classes=2 num=2 anchors=1,2,3,4 yolo_point=left_top"
    ).meta["heads"]
    assert (head["type"], head["yolo_point"]) == ("gaussian_yolo", "left_top")


def test_region(dk):
    graph = dk.read(
        CONV.format(14), "[region] classes=2 coords=4 num=2 anchors=1.5,2,3,4 softmax=1"
    )
    (head,) = graph.meta["heads"]
    assert head["anchors"] == ((1.5, 2.0), (3.0, 4.0))
    assert (head["coords"], head["softmax"], graph.outputs) == (4, 1, ("convolutional_0",))


def test_detection(dk):
    graph = dk.read(
        "[connected] output=48 activation=linear",
        "[detection] classes=2 coords=4 num=2 side=2 softmax=0 sqrt=1",
    )
    (head,) = graph.meta["heads"]
    assert (head["side"], head["sqrt"], graph.outputs) == (2, True, ("connected_0",))


def test_other_networks_have_no_heads(dk):
    assert dk.read("[avgpool]").meta == {"heads": ()}


@pytest.mark.parametrize(
    ("sections", "match"),
    [
        ((CONV.format(20), YOLO), "20 channels before 'yolo_1', expected 21, by its mask"),
        ((CONV.format(7), YOLO + " mask=3"), "mask=3"),
        ((CONV.format(7), YOLO + " mask=-1"), "mask=-1"),
        ((CONV.format(7), "[yolo] classes=2 num=3 anchors=1,2,3"), "3 numbers in anchors"),
        ((CONV.format(7), "[yolo] classes=0"), "classes=0"),
        ((CONV.format(7), "[yolo] num=2147483647 classes=2"), "num=2147483647"),
        ((CONV.format(9), "[region] classes=2 num=2"), "9 channels.*expected 14"),
        ((CONV.format(9), "[detection] classes=2 side=1"), "432 values.*expected 4"),
        ((CONV.format(21), YOLO, "[maxpool] size=2"), r"layer -1, which is a|layer 1, which is a"),
        ((CONV.format(21), YOLO, "[route] layers=1"), "layer 1, which is a .yolo"),
    ],
)
def test_refusals(dk, sections, match):
    dk.fails(match, *sections)
