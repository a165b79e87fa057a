"""Weights of one's own for cards that have a builder: files of any format, arrays, graphs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zqcnn_xp.errors import FormatError, InputError
from zqcnn_xp.formats import read_graph
from zqcnn_xp.passes import optimize
from zqcnn_xp.pipelines.embedding import Embedder
from zqcnn_xp.pipelines.embedding.state import build_from, read_state
from zqcnn_xp_models import load_card, mobilefacenet, sphereface


def test_arrays_and_graphs_are_taken_as_they_are():
    graph = sphereface.build()
    assert read_state(graph) is graph
    arrays = {"fc5.weight": np.zeros(3)}
    assert read_state(arrays) is arrays


def test_mxnet_files_by_their_names(shared_data):
    """The symbol, the pair and the arrays alone give one network."""
    folder = shared_data / "mxnet" / "mobilefacenet"
    files = folder / "model-symbol.json", folder / "model-0000.params"
    card = replace(load_card("mobilefacenet-mxnet"), builder="mobilefacenet:y1")
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, 112, 112)).astype(np.float32)
    found = []
    for weights in (files[0], files, files[1], files[1].read_bytes(), read_graph(*files)):
        (rows,) = (
            Embedder(build_from(card, weights), backend="numpy", color="rgb", mean=0, scale=1)
            .session(image)
            .values()
        )
        found.append(rows)
    assert np.abs(found[0]).max() > 0.1
    for rows in found[1:]:
        np.testing.assert_array_equal(rows, found[0])


def test_a_safetensors_file(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    weights = {"conv1_1.weight": np.zeros((2, 3), np.float32)}
    numpy.save_file(weights, tmp_path / "mine.safetensors")
    assert list(read_state(tmp_path / "mine.safetensors")) == ["conv1_1.weight"]


def test_a_card_s_network_from_a_user_s_graph():
    graph = mobilefacenet.build("GNAP", seed=3)
    mine = Embedder("mobilefacenet-gnap", graph, backend="numpy")
    crop = np.random.default_rng(0).integers(0, 256, (1, 112, 112, 3), np.uint8)
    image = (crop[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) - 127.5) * 0.0078125
    (want,) = Embedder(graph, backend="numpy", recipe="mobilefacenet-gnap").session(image).values()
    np.testing.assert_allclose(mine.embed(crop), want, rtol=1e-4, atol=1e-4 * np.abs(want).max())
    assert mine.card.name == "mobilefacenet-gnap"


def test_a_network_whose_norms_are_merged_is_told_what_to_do():
    merged = optimize(sphereface.build("10bn"))
    with pytest.raises(InputError, match="give it as the model, with recipe='sphereface10bn'"):
        build_from(load_card("sphereface10bn"), merged)


def test_without_weights_or_builder():
    with pytest.raises(InputError, match="'arcface-r100' has no files here: give weights="):
        Embedder("arcface-r100", backend="numpy")
    with pytest.raises(InputError, match="give the path of yours"):
        build_from(replace(load_card("lightcnn-9"), builder=""), {})


@pytest.mark.parametrize("head", [b"PK\x03\x04", b"\x80\x02}q\x00"])
def test_pickles_are_not_loaded(tmp_path, head):
    path = tmp_path / "net.pth"
    path.write_bytes(head + bytes(100))
    with pytest.raises(FormatError, match=r"net\.pth.*a pickle.*safetensors\.torch\.save_file"):
        read_state(path)
    with pytest.raises(FormatError):
        read_state(b"no network at all")
