"""Networks end where boxes would be decoded; those that decode none stay as they are."""

import pytest

from zqcnn_xp.bench.heads import heads
from zqcnn_xp.formats import read_graph
from zqcnn_xp.ops import DetectionOutput, PriorBox


@pytest.fixture(scope="module")
def detector(shared_data):
    folder = shared_data / "zqcnn"
    return read_graph(folder / "libfacedetection.zqparams", folder / "libfacedetection.nchwbin")


def test_what_decoding_reads_becomes_an_output(detector):
    (last,) = [node for node in detector.nodes if isinstance(node.op, DetectionOutput)]
    found = heads(detector).validate()
    assert set(found.outputs) < set(last.inputs)
    kinds = {type(node.op) for node in found.nodes}
    assert DetectionOutput not in kinds
    assert PriorBox not in kinds


def test_a_network_without_decoding_stays_as_it_is(graph):
    assert heads(graph) is graph


def test_other_outputs_are_kept(detector):
    value = detector.nodes[0].outputs[0]
    more = detector.subgraph((value, *detector.outputs))
    found = heads(more)
    assert found.outputs[0] == value
    assert found.outputs[1:] == heads(detector).outputs
