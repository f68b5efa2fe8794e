#!/usr/bin/env python3
"""Times the loader and torchvision in turns on one core, and prints medians.

usage: compare.py PHOTOS [--rounds N]

PHOTOS is a folder of JPEGs; they are cropped and scaled to 500x400 first. Build before:
`cargo bench -p seesaw-data --bench loader --no-run`. Needs torch, torchvision, Pillow and NumPy.
torchvision decodes by Pillow, its default, and by its own `decode_jpeg` with transforms of tensors;
neither keeps decoded photos, but for a row in which `seesaw` does, as it does in training with up to
1 GiB of them. CIFAR-10 is random data in memory for both.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image, ImageOps
from torchvision import transforms
from torchvision.io import decode_jpeg, read_file
from torchvision.transforms import v2

ROOT = Path(__file__).parents[2]
SECONDS = 3.0
BATCH = 64
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def make_photos(source, folder):
    for n, path in enumerate(sorted(source.iterdir())):
        out = folder / "ab"[n % 2] / f"{n}.jpg"
        out.parent.mkdir(exist_ok=True)
        with Image.open(path) as image:
            ImageOps.fit(image.convert("RGB"), (500, 400)).save(out, quality=90)


def make_cifar(folder):
    random = np.random.default_rng(0)
    names = [f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"]
    pixels = random.integers(0, 256, (6, 2000, 3072), dtype=np.uint8)
    for name, part in zip(names, pixels):
        labels = (np.arange(2000) % 10).astype(np.uint8)[:, None]
        np.concatenate([labels, part], 1).tofile(folder / f"{name}.bin")
    (folder / "batches.meta.txt").write_text("".join(f"{n}\n" for n in range(10)))
    return pixels[:5].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy()


def images_per_s(load, count):
    """Batches of random images, as a DataLoader without workers makes them."""
    order = torch.randperm(count).tolist()
    images, start = 0, time.perf_counter()
    while True:
        batch = torch.stack([load(order[(images + n) % count]) for n in range(BATCH)])
        images += len(batch)
        seconds = time.perf_counter() - start
        if seconds > SECONDS:
            return images / seconds


def ours(binary, *arguments):
    done = subprocess.run([binary, *map(str, arguments)], check=True, capture_output=True)
    return json.loads(done.stdout)["images_per_second"]


def find_binary():
    command = ["cargo", "bench", "-q", "-p", "seesaw-data", "--bench", "loader", "--no-run"]
    lines = subprocess.run(
        [*command, "--message-format=json"], cwd=ROOT, check=True, capture_output=True
    ).stdout.splitlines()
    built = [json.loads(line) for line in lines]
    return next(b["executable"] for b in built if b.get("target", {}).get("name") == "loader")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    binary = find_binary()

    normalize = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    crop = transforms.RandomResizedCrop(160, scale=(0.35, 1))
    by_pillow = transforms.Compose([crop, transforms.RandomHorizontalFlip(), *normalize])
    by_tensor = v2.Compose([
        v2.RandomResizedCrop(160, scale=(0.35, 1), antialias=True),
        v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(MEAN, STD),
    ])  # fmt: skip
    small = transforms.Compose(
        [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), *normalize]
    )

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        photos, cifar = folder / "photos", folder / "cifar"
        photos.mkdir()
        cifar.mkdir()
        make_photos(arguments.photos, photos)
        pixels = make_cifar(cifar)
        paths = [str(path) for path in sorted(photos.glob("*/*.jpg"))]
        runs = {
            ("CIFAR, 32 px", "seesaw"): lambda: ours(binary, cifar, 32, "padded"),
            ("CIFAR, 32 px", "torchvision"): lambda: images_per_s(
                lambda n: small(Image.fromarray(pixels[n])), len(pixels)
            ),
            ("JPEG 500x400, 160 px", "seesaw"): lambda: ours(binary, photos, 160, "resized"),
            ("JPEG 500x400, 160 px", "seesaw, photos kept"): lambda: ours(
                binary, photos, 160, "resized", "kept"
            ),
            ("JPEG 500x400, 160 px", "torchvision, Pillow"): lambda: images_per_s(
                lambda n: by_pillow(Image.open(paths[n]).convert("RGB")), len(paths)
            ),
            ("JPEG 500x400, 160 px", "torchvision, decode_jpeg"): lambda: images_per_s(
                lambda n: by_tensor(decode_jpeg(read_file(paths[n]), mode=torchvision.io.ImageReadMode.RGB)),
                len(paths),
            ),
        }
        figures = {key: [] for key in runs}
        for _ in range(arguments.rounds):
            for key, run in runs.items():
                figures[key].append(run())
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}, Pillow {Image.__version__}")
    for (task, who), found in figures.items():
        median = statistics.median(found)
        ratio = statistics.median(figures[task, "seesaw"]) / median
        print(f"{task:22} {who:26} {median:9.0f} images/s   seesaw has {ratio:.2f} times that")


if __name__ == "__main__":
    main()
