"""Makes features.safetensors: the step of step.safetensors with a loss on feature maps, in float64.

usage: python features.py FOLDER_OF_seesaw_ref.py

Weights, images and labels are those of step.safetensors. `target.N` is what the output of block N
is compared with (block 2 with nothing), `target.pooled` that for the pooled features; the weight of
the loss is 0.7. For `whole` steps and for `isolated` ones, in which no gradient passes the output of
a block that is compared: `whole.loss`, `whole.gradient.*`, `whole.float32.*` as in step.safetensors.
"""

import copy
import runpy
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy

here = Path(__file__).parent
net = runpy.run_path(here / "../../../seesaw-engine/tests/golden/make.py")["net"].train()
step = load_file(here / "step.safetensors")
weights = {name[8:]: value for name, value in step.items() if name.startswith("weights.")}
net.load_state_dict(weights, strict=False)
images, labels = step["images"], step["labels"].long()
torch.manual_seed(11)
with torch.no_grad():
    y, targets = images, {}
    for number, layer in enumerate(copy.deepcopy(net.features)):
        y = layer(y)
        if number in (1, 3, 4, 5):
            targets[number] = (0.5 * y + torch.randn_like(y)).contiguous()
    targets["pooled"] = torch.rand(6, 40)
out = {f"target.{name}": value for name, value in targets.items()}


def run(net, images, isolated):
    y, distances = images, []

    def compare(value, name):
        target = targets[name].to(value.dtype)
        distances.append((value - target).square().mean() / target.var(unbiased=False))

    for number, layer in enumerate(net.features):
        y = layer(y)
        if number in targets:
            compare(y, number)
            y = y.detach() if isolated else y
    features = net.flatten(y)
    compare(features, "pooled")
    loss = cross_entropy(net.classifier(features), labels) + 0.7 * sum(distances) / len(distances)
    loss.backward()
    return loss, {name: value.grad for name, value in net.named_parameters()}


for mode in ("whole", "isolated"):
    _, narrow = run(copy.deepcopy(net), images, mode == "isolated")
    loss, wide = run(copy.deepcopy(net).double(), images.double(), mode == "isolated")
    out[f"{mode}.loss"] = loss.detach().float().reshape(1)
    for name, gradient in wide.items():
        out[f"{mode}.gradient.{name}"] = gradient.float()
        error = (narrow[name] - gradient).abs().max().float().reshape(1)
        out[f"{mode}.float32.{name}"] = error
save_file(out, here / "features.safetensors")
