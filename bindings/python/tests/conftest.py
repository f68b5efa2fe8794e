"""Photos that are painted for the tests, and the command where it is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
#: Trains in a second or two.
FAST = {"batch": 8, "sizes": [], "ema.decay": 0.5}
CIFAR = ROOT / "weights/seesaw-shuffle-0.5d-cifar10.safetensors"
PHOTOS = sorted((ROOT / "docs/photos").glob("*.jpg"))


def paint(kind: int, index: int, side: int = 40) -> np.ndarray:
    """A noisy image with one channel brighter."""
    random = np.random.default_rng([kind, index])
    image = random.integers(0, 120, (side, side, 3), dtype=np.uint8)
    image[:, :, kind] += 120
    return image


def write_ppm(path: Path, image: np.ndarray) -> Path:
    height, width, _ = image.shape
    path.write_bytes(f"P6 {width} {height} 255\n".encode() + image.tobytes())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set of three classes with 12 small images each."""
    for kind, name in enumerate(["red", "green", "blue"]):
        target = tmp_path / "data" / name
        target.mkdir(parents=True)
        for index in range(12):
            write_ppm(target / f"{index}.ppm", paint(kind, index))
    return tmp_path / "data"


@pytest.fixture(scope="session")
def command() -> Callable[..., str]:
    """The command `seesaw`, as a function from arguments to its output."""
    path = Path(os.environ.get("SEESAW_COMMAND", ROOT / "target/release/seesaw"))
    if not path.exists():
        pytest.skip(f"{path} is not built")

    def run(*arguments: object) -> str:
        done = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
