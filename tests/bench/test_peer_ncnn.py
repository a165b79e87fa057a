"""ncnn computes the network that it gets, in float32, sample by sample or all at once."""

import numpy as np
import pytest

from zqcnn_xp.bench import peer_ncnn
from zqcnn_xp.bench.network import sample
from zqcnn_xp.formats import read_graph

ncnn = pytest.importorskip("ncnn")


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("threads", [1, 2])
def test_outputs_are_the_references(make, agrees, batch, threads):
    network = make(batch)
    agrees(peer_ncnn.prepare(network, threads), network)


def test_both_ways_of_a_batch_agree(make, agrees):
    network = make(4)
    net = peer_ncnn._load(ncnn, network, 1)
    agrees(peer_ncnn._Loop(ncnn, net, network, 4), network)
    at_once = peer_ncnn._AtOnce(ncnn, net, network)
    if not hasattr(ncnn.Mat, "batch"):
        with pytest.raises((AttributeError, TypeError, ValueError, RuntimeError)):
            at_once()
        return
    agrees(at_once, network)


def test_the_quicker_way_of_a_batch_is_taken(make, monkeypatch):
    for quicker, other in ((peer_ncnn._Loop, 2.0), (peer_ncnn._AtOnce, 0.5)):
        costs = {peer_ncnn._Loop: 1.0, peer_ncnn._AtOnce: other}
        monkeypatch.setattr(peer_ncnn, "_ms", lambda run, costs=costs: costs[type(run)])
        monkeypatch.setattr(peer_ncnn, "_agrees", lambda first, second: True)
        assert type(peer_ncnn.prepare(make(2), 1)) is quicker


def test_a_way_that_gives_something_else_is_not_taken(make):
    network = make(2)

    def broken():
        raise AttributeError("batch")

    right = peer_ncnn.prepare(network, 1)
    wrong = {name: value + 1 for name, value in right().items()}
    assert peer_ncnn._agrees(right, right)
    assert not peer_ncnn._agrees(lambda: wrong, right)
    assert not peer_ncnn._agrees(broken, right)


def test_layers_that_work_in_place_leave_the_input_alone(agrees):
    graph = read_graph(b"Input name=x C=2 H=3 W=4\nReLU name=r bottom=x top=y slope=0.5", b"")
    network = sample(graph, {"x": (1, 2, 3, 4)})
    assert (network.inputs["x"] < 0).any()
    agrees(peer_ncnn.prepare(network, 1), network)


def test_a_network_that_ncnn_cannot_load_is_refused(make, monkeypatch):
    network = make()
    monkeypatch.setitem(network.__dict__, "ncnn", (b"7767517\n1 1\nNothing a 0 1 a\n", b""))
    with pytest.raises(RuntimeError, match="does not load"):
        peer_ncnn.prepare(network, 1)


def test_an_output_that_is_not_there_is_an_error(make):
    network = make()
    net = peer_ncnn._load(ncnn, network, 1)
    with pytest.raises(RuntimeError, match="'nothing'"):
        peer_ncnn._extract(net.create_extractor(), "nothing")


def test_results_are_arrays_of_their_own(make):
    run = peer_ncnn.prepare(make(), 1)
    first = run()
    kept = {name: value.copy() for name, value in first.items()}
    run()
    for name, value in first.items():
        np.testing.assert_array_equal(value, kept[name])
