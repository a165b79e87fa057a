"""Load a network, run it on every backend there is, and look at what its layers make.

python examples/feature_maps.py photo.jpg [--backend jax] [--blob convolution_output3]
    [--out maps.png]
"""

from __future__ import annotations

import argparse

import cv2
import numpy as np

import zqcnn_xp
from zqcnn_xp.pipelines.mtcnn.weights import default_files
from zqcnn_xp.vision.draw import draw_faces
from zqcnn_xp.vision.io import read_image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photo")
    parser.add_argument("--backend", default=None)
    parser.add_argument("--blob", default="convolution_output3")
    parser.add_argument("--out", default="maps.png")
    args = parser.parse_args()

    photo = read_image(args.photo)
    session = zqcnn_xp.load(default_files()[0], backend=args.backend)
    print(zqcnn_xp.device_report(session.backend))

    # This network wants rows and columns exchanged, and values around zero.
    x = ((photo.astype(np.float32) - 127.5) / 128).transpose(2, 1, 0)[None].copy()
    maps = session(x, outputs=args.blob)[args.blob][0].transpose(0, 2, 1)
    print(session.trace(x))

    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    grey = ((maps - low) / np.maximum(high - low, 1e-6) * 255).astype(np.uint8)
    columns = 4
    blank = np.zeros((-len(grey) % columns, *grey.shape[1:]), np.uint8)
    rows = np.concatenate([grey, blank]).reshape(-1, columns, *grey.shape[1:])
    cv2.imwrite(args.out, np.vstack([np.hstack(list(row)) for row in rows]))

    faces = zqcnn_xp.MTCNN(backend=session.backend).detect(photo)
    for face in faces:
        print(face.bbox.round(1), round(float(face.det_score), 3))
    drawn = draw_faces(photo, faces)
    cv2.imwrite("faces.png", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
