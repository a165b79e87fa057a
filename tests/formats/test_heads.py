"""Detection heads have one vocabulary."""

import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.formats import heads, read_graph
from zqcnn_xp.formats.heads import HEAD_KEYS, describe


@pytest.mark.parametrize("kind", HEAD_KEYS)
def test_every_head_of_a_type_has_all_its_keys(kind):
    head = describe(kind, "yolo_3", 3, "map", 2, 3, score_threshold=0.5)
    assert tuple(head) == HEAD_KEYS[kind]
    assert (head["type"], head["input"], head["score_threshold"]) == (kind, "map", 0.5)


def test_every_key_is_explained():
    words = heads.__doc__.split("====\n", 2)[1]
    named = {key for keys in HEAD_KEYS.values() for key in keys}
    assert {key for key in named if f"``{key}``" not in words} == set()


@pytest.mark.parametrize(
    ("kind", "rest", "match"),
    [
        ("yolo2", {}, "head type 'yolo2', expected one of yolo,"),
        ("yolo", {"coords": 4}, "key 'coords' of a yolo head, expected score,"),
        ("region", {"mask": (0,)}, "key 'mask' of a region head"),
    ],
)
def test_refusals(kind, rest, match):
    with pytest.raises(InputError, match=match):
        describe(kind, "l", 0, "map", 1, 1, **rest)


def test_darknet_and_ncnn_say_the_same_of_the_same_network(shared_data):
    ours = read_graph(shared_data / "darknet" / "yoloface-500k.cfg").meta["heads"]
    theirs = read_graph(shared_data / "ncnn" / "yoloface-500k.param").meta["heads"]
    assert len(ours) == len(theirs) == 3
    # Each knows something that the other does not say.
    apart = {"name", "index", "input", "score", "score_threshold", "nms_threshold"}
    apart |= {"nms_kind", "beta_nms"}
    for one, two in zip(ours, theirs, strict=True):
        assert tuple(one) == tuple(two) == HEAD_KEYS["yolo"]
        assert {k: v for k, v in one.items() if k not in apart} == {
            k: v for k, v in two.items() if k not in apart
        }
