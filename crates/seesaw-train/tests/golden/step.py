"""Makes step.safetensors: a training step of a small net with every kind of block, in float64.

usage: python step.py FOLDER_OF_seesaw_ref.py

The net is that of seesaw-engine's golden data (`tiny.toml` there). `weights.*` are its parameters,
`images` [6,3,20,20], `labels` [6] and `loss` [1] a batch and its cross entropy, `gradient.*` the
gradients; `float32.*` [1] says how far PyTorch's own float32 strays from them at most.
"""

import copy
import runpy
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy

here = Path(__file__).parent
net = runpy.run_path(here / "../../../seesaw-engine/tests/golden/make.py")["net"].train()
images, labels = torch.randn(6, 3, 20, 20), torch.arange(6)
out = {"images": images, "labels": labels.float()}
for name, value in net.state_dict().items():
    if not name.endswith("num_batches_tracked"):
        out[f"weights.{name}"] = value.clone()


def step(net, images):
    loss = cross_entropy(net(images), labels)
    loss.backward()
    return loss, {name: value.grad for name, value in net.named_parameters()}


_, narrow = step(copy.deepcopy(net), images)
loss, wide = step(copy.deepcopy(net).double(), images.double())
out["loss"] = loss.detach().float().reshape(1)
for name, gradient in wide.items():
    out[f"gradient.{name}"] = gradient.float()
    out[f"float32.{name}"] = (narrow[name] - gradient).abs().max().float().reshape(1)
save_file(out, here / "step.safetensors")
