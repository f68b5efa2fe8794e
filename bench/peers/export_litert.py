"""As `export.py`, for LiteRT, whose converter needs a PyTorch of its own: NET SIZE BATCH FOLDER."""

import sys
from pathlib import Path

import litert_torch
import torch

import export
import nets


def main():
    name, size, batch, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    net = export.load(name, size, folder)
    for variant, module in nets.variants(net).items():
        module = litert_torch.to_channel_last_io(module, args=[0]).eval()
        model = litert_torch.convert(module, (torch.zeros(batch, size, size, 3),))
        model.export(str(folder / f"{name}-{variant}-{batch}.tflite"))


if __name__ == "__main__":
    main()
