"""A toy set of faces: persons are patterns, and a network that does not mix them up."""

from __future__ import annotations

import io
import pickle
import random
import zipfile

import numpy as np
import pytest
from PIL import Image

NET = """\
Input name=data C=3 H=16 W=16
Convolution name=conv1 bottom=data top=conv1 num_output=4 kernel_size=3 stride=2 bias
InnerProduct name=fc1 bottom=conv1 top=fc1 num_output=24
"""
WEIGHTS = 4 * 3 * 9 + 4 + 24 * 4 * 7 * 7
PERSONS, PHOTOS, PARTS, HALF = 12, 4, 4, 6


class Faces:
    """Images by name, a list of pairs over them, and the arguments of a network for them."""

    def __init__(self, folder):
        rng = np.random.default_rng(0)
        self.folder = folder
        self.images = {}
        for person in range(PERSONS):
            pattern = rng.integers(30, 220, (16, 16, 3))
            for number in range(1, PHOTOS + 1):
                pixels = np.clip(pattern + rng.normal(0, 12, pattern.shape), 0, 255)
                file = io.BytesIO()
                Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
                self.images[f"P{person}/P{person}_{number:04d}.png"] = file.getvalue()
        (folder / "toy.zqparams").write_text(NET)
        weights = rng.normal(size=WEIGHTS).astype("<f4")
        (folder / "toy.nchwbin").write_bytes(weights.tobytes())
        self.network = ["--model", "toy.zqparams", "--color", "rgb", "--mean", 127.5]
        self.network += ["--scale", 0.0078125, "--size", "16x16", "--backend", "numpy"]
        choice = random.Random(0)
        lines = [f"{PARTS}\t{HALF}"]
        for _ in range(PARTS):
            for _ in range(HALF):
                one, other = choice.sample(range(1, PHOTOS + 1), 2)
                lines.append(f"P{choice.randrange(PERSONS)}\t{one}\t{other}")
            for _ in range(HALF):
                a, b = choice.sample(range(PERSONS), 2)
                i, j = choice.choices(range(1, PHOTOS + 1), k=2)
                lines.append(f"P{a}\t{i}\tP{b}\t{j}")
        self.lines = lines
        (folder / "pairs.txt").write_text("\n".join(lines) + "\n")

    def unpacked(self, name="images"):
        for path, data in self.images.items():
            place = self.folder / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        return self.folder / name

    def packed(self, name="images.zip"):
        with zipfile.ZipFile(self.folder / name, "w") as archive:
            for path, data in self.images.items():
                archive.writestr(path, data)
        return self.folder / name

    def in_one_file(self, name="toy.bin", damage=None):
        names = list(self.images)
        images, labels = [], []
        for k in range(20):
            same = k % 2 == 0
            one = names[(5 * k) % len(names)]
            person = one.partition("/")[0]
            other = next(n for n in names[k:] + names if (n.startswith(person + "/")) == same
                         and n != one)  # fmt: skip
            images += [self.images[one], self.images[other]]
            labels.append(same)
        if damage is not None:
            images[damage] = images[damage][:50]
        (self.folder / name).write_bytes(pickle.dumps((images, labels), 2))
        return self.folder / name


@pytest.fixture
def faces(tmp_path):
    return Faces(tmp_path)
