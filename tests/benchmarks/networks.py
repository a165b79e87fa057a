"""The networks of the table: where each comes from, its input, and the times aimed at."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zqcnn_xp.bench.network import Network, sample
from zqcnn_xp.errors import TrailingWeightsWarning
from zqcnn_xp.formats import read_graph
from zqcnn_xp.graph import Graph

__all__ = ["CASES", "QUICK", "Case"]


@dataclass(frozen=True)
class Case:
    """A row of the table.

    Parameters
    ----------
    name
        For people.
    read
        The graph, given the folder of test data.
    shape
        Of its input, batch included.
    goals
        Our time as a share of the best peer's that is aimed at: with one thread, with two.
    pixels
        The network takes 0 to 255, and normalises them itself or not at all.
    batched
        Also run with a batch of 32; not what is a batch already.
    """

    name: str
    read: Callable[[Path], Graph]
    shape: tuple[int, int, int, int]
    goals: tuple[float, float]
    pixels: bool = False
    batched: bool = True

    def network(self, data: Path, batch: int | None = None) -> Network:
        """Read it, folded, with seeded input of the row's shape, or of another batch."""
        with warnings.catch_warnings():
            # Three of ZQCNN's files have a rest, which says nothing about time.
            warnings.simplefilter("ignore", TrailingWeightsWarning)
            graph = self.read(data)
        shape = self.shape if batch is None else (batch, *self.shape[1:])
        low, high = (0.0, 255.0) if self.pixels else (-1.0, 1.0)
        return sample(graph, {graph.inputs[0].name: shape}, low=low, high=high)


def _file(model: str, weights: str | None = None) -> Callable[[Path], Graph]:
    return lambda data: read_graph(data / model, None if weights is None else data / weights)


def _zqcnn(model: str, weights: str | None = None) -> Callable[[Path], Graph]:
    return _file(f"zqcnn/{model}.zqparams", f"zqcnn/{weights or model}.nchwbin")


def _arcface(_: Path) -> Graph:
    from zqcnn_xp_models import iresnet

    return iresnet.build("LResNet34E-IR")


def _lightcnn(_: Path) -> Graph:
    from zqcnn_xp_models import lightcnn

    return lightcnn.build("9")


CASES: tuple[Case, ...] = (
    Case(
        "MobileFaceNet 112x112",
        _file("mxnet/mobilefacenet/model-symbol.json", "mxnet/mobilefacenet/model-0000.params"),
        (1, 3, 112, 112),
        (0.85, 0.95),
        pixels=True,
    ),
    Case("det1_bgr 240x320", _zqcnn("det1", "det1_bgr"), (1, 3, 240, 320), (0.7, 0.85)),
    Case("det1-dw20-fast 240x320", _zqcnn("det1-dw20-fast"), (1, 3, 240, 320), (0.7, 0.85)),
    Case("det1-dw20-plus 240x320", _zqcnn("det1-dw20-plus"), (1, 3, 240, 320), (0.7, 0.85)),
    Case(
        "det2_bgr, batch 16", _zqcnn("det2", "det2_bgr"), (16, 3, 24, 24), (0.8, 0.9), batched=False
    ),
    Case(
        "det3_bgr, batch 16", _zqcnn("det3", "det3_bgr"), (16, 3, 48, 48), (0.8, 0.9), batched=False
    ),
    Case("det5-dw112", _zqcnn("det5-dw112"), (1, 3, 112, 112), (0.85, 0.95)),
    Case("headposegaze-112-gray", _zqcnn("headposegaze-112-gray"), (1, 1, 112, 112), (0.85, 0.95)),
    Case(
        "libfacedetection 240x320",
        _zqcnn("libfacedetection"),
        (1, 3, 240, 320),
        (0.8, 0.9),
        pixels=True,
    ),
    Case(
        "UltraFace RFB-320",
        _file("onnx/version-RFB-320_without_postprocessing.onnx"),
        (1, 3, 240, 320),
        (0.8, 0.9),
    ),
    Case(
        "yoloface-500k 320x256",
        _file("darknet/yoloface-500k.cfg", "darknet/yoloface-500k.weights"),
        (1, 3, 256, 320),
        (0.8, 0.9),
    ),
    Case(
        "yolo-fastest 320x320",
        _file("darknet/yolo-fastest.cfg", "darknet/yolo-fastest.weights"),
        (1, 3, 320, 320),
        (0.8, 0.9),
    ),
    Case("LResNet34E-IR 112x112", _arcface, (1, 3, 112, 112), (0.7, 0.85), pixels=True),
    Case("LightCNN-9 128x128", _lightcnn, (1, 1, 128, 128), (0.7, 0.85)),
)

QUICK = ("MobileFaceNet 112x112", "det1_bgr 240x320", "det2_bgr, batch 16")
"""Rows of the quick table."""
