"""LightCNN: the published sizes, and what the second version does differently."""

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.session import Session
from zqcnn_xp_models import lightcnn
from zqcnn_xp_models.counts import learnable


@pytest.mark.parametrize(
    ("variant", "parameters"), [("9", 5_480_864), ("29", 12_573_280), ("29v2", 10_475_872)]
)
def test_published_parameters_without_the_classifier(variant, parameters):
    assert learnable(lightcnn.build(variant)) == parameters


@pytest.mark.parametrize(("variant", "bias"), [("9", 10), ("29", 10), ("29v2", 0)])
def test_the_classifier_adds_a_matrix(variant, bias):
    plain, whole = lightcnn.build(variant), lightcnn.build(variant, classes=10)
    assert learnable(whole) - learnable(plain) == 2560 + bias
    assert whole.outputs == ("fc2", plain.outputs[0])
    shapes = whole.shapes({"data": (2, 1, 128, 128)})
    assert [shapes[name] for name in whole.outputs] == [(2, 10), (2, 256)]


def test_v2_pools_by_maximum_plus_mean():
    session = Session(lightcnn.build("29v2", seed=2), "numpy")
    x = np.random.default_rng(0).random((1, 1, 128, 128), dtype=np.float32)
    found = session(x, ["conv1", "pool1"])
    windows = found["conv1"].reshape(1, 48, 64, 2, 64, 2)
    want = windows.max(axis=(3, 5)) + windows.mean(axis=(3, 5))
    np.testing.assert_allclose(found["pool1"], want, rtol=1e-5, atol=1e-6)


def state(graph):
    """A graph's weights as PyTorch's modules have them."""
    found = {}
    for node in graph.nodes:
        name = "fc" if node.name == "fc.map" else node.name
        for weight, value in node.weights.items():
            if weight == "weight":
                value = (
                    value.transpose(*range(value.ndim)[::-1])
                    if value.ndim == 2
                    else (value.transpose(3, 2, 0, 1))
                )
                value = value.reshape(len(value), -1) if name == "fc" else value
            found[f"module.{name}.{weight}"] = value
    return found


def test_v2s_checkpoints_map_by_name_with_the_classifier_or_without():
    graph = lightcnn.build("29v2", classes=3, seed=5)
    named = state(graph)
    assert named["module.fc.weight"].shape == (256, 8192)
    for classes in (0, 3):
        again = lightcnn.build("29v2", classes=classes, weights=named)
        for node in again.nodes:
            twin = next(other for other in graph.nodes if other.name == node.name)
            for name, weight in node.weights.items():
                np.testing.assert_array_equal(weight, twin.weights[name])


def test_what_does_not_exist_is_refused():
    with pytest.raises(InputError, match="found variant '29v3', expected one of 9, 29, 29v2"):
        lightcnn.build("29v3")
    with pytest.raises(InputError, match="found -1 classes"):
        lightcnn.build(classes=-1)
    with pytest.raises(InputError, match="weights that lightcnn-9 does not have"):
        lightcnn.build("9", weights={**_nine(), "fc3.weight": np.ones(3, np.float32)})


def _nine():
    graph = lightcnn.build("9")
    found = {}
    for node in graph.nodes:
        for name, value in node.weights.items():
            found[f"{node.name}.{name}"] = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value
    return found
