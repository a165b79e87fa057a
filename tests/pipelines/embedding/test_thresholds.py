"""Operating points: which holds, and that those of the cards are what LFW gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.embedding import Embedder
from zqcnn_xp.pipelines.embedding.forward import unit_rows
from zqcnn_xp.pipelines.embedding.thresholds import find_point, points_of
from zqcnn_xp_models import list_models, load_card, sphereface
from zqcnn_xp_models.card import OperatingPoint

POINTS = (
    OperatingPoint(0.3, "set", "pairs", "me", far=1e-3, tar=0.9),
    OperatingPoint(0.2, "set", "pairs", "me", far=1e-2, tar=0.99),
    OperatingPoint(0.35, "set", "pairs", "me", far=1e-3, flip="sum"),
)


@pytest.fixture(scope="module")
def plain():
    """A network that is fed as its card says; the card is one of the shipped with other points."""
    values = {"color": "bgr", "mean": 127.5, "scale": 0.0078125}
    one = Embedder(sphereface.build(), backend="numpy", **values)
    card = load_card("mobilefacenet-zqcnn-v1")
    table = {**card.preprocessing, "size": [96, 112], "alignment": "sphereface"}
    one.card = replace(card, preprocessing=table, outputs={"feature": ""}, operating_points=POINTS)
    one.recipe = one.recipe.changed(output="feature")
    return one


def with_points(plain: Embedder, points: tuple[OperatingPoint, ...], **changes) -> Embedder:
    other = Embedder(plain.session, recipe=plain.recipe, **changes)
    other.card = replace(plain.card, operating_points=points)
    return other


def test_the_rate_chooses(plain):
    assert find_point(plain) is POINTS[0]
    assert find_point(plain, 0.001) is POINTS[0]
    assert find_point(plain, 1e-2) is POINTS[1]
    with pytest.raises(InputError, match=r"no threshold at .*known: 0\.001, 0\.01\); give thresh"):
        find_point(plain, 1e-4)


def test_the_flip_rule_chooses(plain):
    assert find_point(with_points(plain, POINTS, flip="sum")) is POINTS[2]
    assert find_point(with_points(plain, POINTS, flip="concatenate")) is None


def test_none_holds_where_the_network_is_fed_otherwise(plain):
    assert points_of(with_points(plain, POINTS, color="rgb")) == ()
    assert points_of(with_points(plain, POINTS, mean=0)) == ()
    assert len(points_of(with_points(plain, POINTS, normalise=True))) == 2
    assert points_of(Embedder(plain.session, recipe=plain.recipe)) == ()


def test_a_published_point_without_a_rate(plain):
    published = OperatingPoint(0.363, "?", "?", "authors")
    only = with_points(plain, (published,))
    assert find_point(only) is published
    assert find_point(only, "published") is published
    with pytest.raises(InputError, match="known: published"):
        find_point(only, 1e-3)
    both = with_points(plain, (*POINTS, published))
    assert find_point(both) is POINTS[0]
    assert find_point(both, 1e-3) is POINTS[0]
    assert find_point(both, "published") is published
    with pytest.raises(InputError, match=r"no published threshold \(known: 0\.001, 0\.01\)"):
        find_point(with_points(plain, POINTS), "published")


@pytest.mark.parametrize("far", ["0.001", "high", True, -0.1, 1.5, float("nan"), [1e-3], 1j])
def test_no_rate(plain, far):
    with pytest.raises(InputError, match="expected a share, 0 to 1, or 'published'"):
        find_point(plain, far)


def test_points_of_the_cards():
    cards = {card.name: card for card in list_models() if card.operating_points}
    assert {"mobilefacenet-mxnet", "mobilefacenet-ncnn", "sface"} <= cards.keys()
    for card in cards.values():
        assert card.task == "face recognition"
        seen = [(point.far, point.flip, point.source) for point in card.operating_points]
        assert len(set(seen)) == len(seen), card.name
    (sface,) = (point for point in cards["sface"].operating_points if point.far is None)
    assert sface.threshold == 0.363
    assert "opencv" in sface.source


def lfw_pairs(shared_data, files):
    """Return rows of both sides of the official pairs, and whether they are one person."""
    at = {name: row for row, name in enumerate(files)}
    lines = (shared_data / "lfw" / "pairs.txt").read_text().splitlines()[1:]
    rows = []
    for fields in map(str.split, lines):
        name, first = fields[0], fields[1]
        other, second = (name, fields[2]) if len(fields) == 3 else fields[2:]
        a, b = (f"{n}/{n}_{int(k):04d}.jpg" for n, k in ((name, first), (other, second)))
        rows.append((at[a], at[b], len(fields) == 3))
    left, right, same = map(np.array, zip(*rows, strict=True))
    return left, right, same


@pytest.mark.parametrize("flip", ["none", "sum", "concatenate"])
@pytest.mark.parametrize("name", ["mobilefacenet-mxnet", "mobilefacenet-ncnn"])
def test_the_cards_thresholds_are_those_of_lfw(shared_data, golden, name, flip):
    left, right, same = lfw_pairs(shared_data, golden.files)
    assert (same.sum(), (~same).sum()) == (3000, 3000)
    rows = {
        "none": golden.feat,
        "sum": golden.feat + golden.flip,
        "concatenate": np.hstack([golden.feat, golden.flip]),
    }[flip]
    unit = unit_rows(rows).astype(np.float64)
    cosine = np.einsum("nd,nd->n", unit[left], unit[right])
    points = [point for point in load_card(name).operating_points if point.flip == flip]
    assert [point.far for point in points] == [1e-2, 1e-3, 0.0]
    for point in points:
        assert (cosine[~same] >= point.threshold).sum() == round(point.far * 3000)
        assert (cosine[same] >= point.threshold).mean() == pytest.approx(point.tar, abs=5e-5)
        # None lower would do: the next pair of different people is not far below.
        assert (cosine[~same] >= point.threshold - 2e-3).sum() > round(point.far * 3000)
