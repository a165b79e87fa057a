"""The tables of memory: a detector's peak by image size, and its drift over many frames."""

from __future__ import annotations

import json
import subprocess
import sys

from options import Options, progress

from zqcnn_xp.bench.report import markdown

__all__ = ["memory"]

SIZES = ((640, 480), (1920, 1080), (3840, 2160), (12000, 9000))
MIN_FACE = 20
FRAMES = 10_000

_COMMON = """
import json, sys
import numpy as np
import zqcnn_xp
from zqcnn_xp.vision.io import read_image

def status(key):
    for line in open('/proc/self/status'):
        if line.startswith(key):
            return int(line.split()[1]) / 1024

backend, photo, threads = sys.argv[1], read_image(sys.argv[2]), int(sys.argv[3])
"""
# The kernel's high-water mark is set back before the call that counts.
PEAK = (
    _COMMON
    + """
width, height, min_face = map(int, sys.argv[4:])
detector = zqcnn_xp.MTCNN(backend=backend, threads=threads, min_face=min_face)
detector.detect(photo[:120, :160])
h, w = photo.shape[:2]
image = np.tile(photo, (-(-height // h), -(-width // w), 1))[:height, :width].copy()
before = status('VmRSS')
with open('/proc/self/clear_refs', 'w') as file:
    file.write('5')
faces = detector.detect(image)
print(json.dumps([before, status('VmHWM'), image.nbytes / 2**20, len(faces)]))
"""
)
DRIFT = (
    _COMMON
    + """
frames = int(sys.argv[4])
detector = zqcnn_xp.MTCNN(backend=backend, threads=threads, min_face=60)
rng = np.random.default_rng(0)
found = []
for index in range(frames):
    height, width = int(rng.integers(90, 361)), int(rng.integers(120, 481))
    y = int(rng.integers(0, photo.shape[0] - height))
    x = int(rng.integers(0, photo.shape[1] - width))
    detector.detect(photo[y:y + height, x:x + width])
    if index + 1 in (frames // 10, frames // 2, frames):
        found.append(status('VmRSS'))
print(json.dumps(found))
"""
)


def memory(options: Options) -> str:
    """Return both tables."""
    photo = options.data / "images" / "1.jpg"
    rows = []
    for backend in options.backends:
        for width, height in SIZES[:2] if options.quick else SIZES:
            progress(f"memory: {backend}, {width}x{height}")
            code = _child(PEAK, backend, photo, options.threads, width, height, MIN_FACE)
            if isinstance(code, str):
                rows.append([backend, f"{width}x{height}", code, "-", "-", "-"])
                continue
            before, peak, image, faces = code
            cells = [f"{image:.0f}", f"{before:.0f}", f"{peak - before:.0f}", f"{int(faces)}"]
            rows.append([backend, f"{width}x{height}", *cells])
    drifts = []
    frames = 100 if options.quick else FRAMES
    for backend in options.backends:
        progress(f"memory: {backend}, {frames} frames")
        code = _child(DRIFT, backend, photo, options.threads, frames)
        if isinstance(code, str):
            drifts.append([backend, code, "-", "-", "-"])
            continue
        tenth, half, end = code
        cells = [f"{value:.0f}" for value in (tenth, half, end)]
        drifts.append([backend, *cells, f"{end - tenth:+.1f}"])
    head = ["backend", "image", "image MB", "process before MB", "detection adds at most MB"]
    drift_head = ["backend", "after a tenth MB", "half MB", "all MB", "drift after a tenth MB"]
    return (
        f"Default nets, min face {MIN_FACE}, image 1 repeated to the size:\n\n"
        f"{markdown([*head, 'faces'], rows)}\n\n"
        f"{frames:,} frames of 120x90 to 480x360, each of another size, min face 60; resident "
        f"memory of the process:\n\n{markdown(drift_head, drifts)}"
    )


def _child(code: str, *arguments: object) -> list[float] | str:
    """Run code in a process of its own; what it printed, or the last words of its failure."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return f"failed with code {done.returncode}: {last[:120]}"
    return [float(value) for value in json.loads(done.stdout)]
