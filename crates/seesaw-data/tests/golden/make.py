#!/usr/bin/env python3
"""Makes the golden data next to it with Pillow and torchvision (made with 13.0 and 0.29).

augment.png   the results of torchvision's operations of TrivialAugmentWide on its first image, one
              below the other, in the order of augment.json
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.autoaugment import _apply_op

HERE = Path(__file__).parent


def augmented():
    """Strengths as torchvision's tables have them; its names of the operations."""
    operations = [
        ("Identity", 0), ("ShearX", 0.33), ("ShearX", -0.99), ("ShearY", 0.66), ("TranslateX", 5),
        ("TranslateX", -9), ("TranslateY", 3), ("Rotate", 31.5), ("Rotate", -135), ("Brightness", 0.66),
        ("Brightness", -0.5), ("Color", 0.99), ("Color", -0.99), ("Contrast", 0.7), ("Contrast", -0.7),
        ("Sharpness", 0.99), ("Sharpness", -0.8), ("Posterize", 2), ("Posterize", 8), ("Posterize", 5),
        ("Solarize", 127.5), ("Solarize", 0), ("Solarize", 255), ("AutoContrast", 0), ("Equalize", 0),
    ]  # fmt: skip
    y, x, c = np.mgrid[0:18, 0:23, 0:3]
    picture = Image.fromarray((40 + (x * 5 + y * (c + 3)) % 120 + (x * y * 7 + c) % 11).astype(np.uint8))
    nearest = InterpolationMode.NEAREST
    pictures = [np.asarray(_apply_op(picture, *operation, nearest, None)) for operation in operations]
    Image.fromarray(np.concatenate(pictures)).save(HERE / "augment.png", optimize=True)
    return operations


if __name__ == "__main__":
    lines = ",\n".join(map(json.dumps, augmented()))
    (HERE / "augment.json").write_text(f"[\n{lines}\n]\n")
