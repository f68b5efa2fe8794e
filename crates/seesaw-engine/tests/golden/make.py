"""Makes tiny.safetensors: a small net with every kind of block, run by PyTorch.

usage: python make.py FOLDER_OF_seesaw_ref.py

`weights.*` are the parameters under the file format's names; `input` [3,3,20,20], `logits` [3,7] and
`features.N` of all three images are what PyTorch makes of them. `tiny.toml` describes the same net.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

sys.path.insert(0, sys.argv[1])
from seesaw_ref import DenseBlock, EvenBlock, UnevenBlock, bn_relu6  # noqa: E402

torch.manual_seed(5)
features = nn.Sequential(
    nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), *bn_relu6(16)),
    UnevenBlock(16, 16, 1, 1, "shuffle"),
    UnevenBlock(16, 24, 2, 2, "shuffle"),
    UnevenBlock(24, 24, 1, 2, "share"),
    EvenBlock(24, 32, 1, 2, permute_in=True, permute_out=True),
    DenseBlock(32, 32, 1, 2),
    nn.Sequential(nn.Conv2d(32, 40, 1, bias=False), *bn_relu6(40)),
    nn.AdaptiveAvgPool2d(1),
)
net = nn.Sequential()
net.features, net.flatten, net.classifier = features, nn.Flatten(), nn.Sequential(nn.Linear(40, 7))
for m in net.modules():
    if isinstance(m, nn.BatchNorm2d):
        nn.init.uniform_(m.weight, 0.5, 1.5)
        nn.init.normal_(m.bias, 0.0, 0.5)
        m.running_mean.normal_(0.0, 0.5)
        m.running_var.uniform_(0.3, 2.0)
net.eval()
x = torch.randn(3, 3, 20, 20)
out = {"input": x}
with torch.no_grad():
    y = x
    for i, layer in enumerate(features):
        y = layer(y)
        out[f"features.{i}"] = y.contiguous()
    out["logits"] = net.classifier(net.flatten(y))
for name, value in net.state_dict().items():
    if not name.endswith("num_batches_tracked"):
        out[f"weights.{name}"] = value.contiguous()
save_file(out, Path(__file__).with_name("tiny.safetensors"))
