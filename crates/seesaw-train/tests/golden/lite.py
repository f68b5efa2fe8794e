"""Makes lite.safetensors: a small net with 3x3 and 5x5 windows and TensorFlow's padding, by PyTorch.

usage: python lite.py

`lite.toml` describes the net: blocks as in EfficientNet-Lite, and an epsilon of 1e-3. Its sides are 24,
12, 6, 3 and 2, so windows at stride 2 meet even and odd ones. `weights.*` are its parameters,
`images` [6,3,24,24] and `logits` [6,6] what it makes of them in evaluation. Of a training step in float64
with the `labels` [6], `loss` [1] is the cross entropy, `gradient.*` the gradients, `statistics.*` the
running means and variances after it, and `stepped.*` the parameters after SGD with rate 0.1, momentum 0.9
and weight decay 0.01. `float32.*` [1] says how far PyTorch's own float32 strays from the gradients at most.
"""

import copy
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import cross_entropy, pad

EPS = 1e-3


class Same(nn.Conv2d):
    """A convolution with TensorFlow's padding, for square images."""

    def forward(self, x):
        n, k, s = x.shape[-1], self.kernel_size[0], self.stride[0]
        total = max((-(-n // s) - 1) * s + k - n, 0)
        before, after = total // 2, total - total // 2
        return super().forward(pad(x, (before, after, before, after)))


class Block(nn.Module):
    def __init__(self, kernel, stride, expansion, inputs, outputs):
        super().__init__()
        wide = inputs * expansion
        layers = []
        if expansion > 1:
            layers += [nn.Conv2d(inputs, wide, 1, bias=False), nn.BatchNorm2d(wide, EPS), nn.ReLU6()]
        layers += [Same(wide, wide, kernel, stride, groups=wide, bias=False), nn.BatchNorm2d(wide, EPS)]
        layers += [nn.ReLU6(), nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs, EPS)]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.conv(x) if self.residual else self.conv(x)


torch.manual_seed(3)
features = nn.Sequential(
    nn.Sequential(Same(3, 12, 3, 2, bias=False), nn.BatchNorm2d(12, EPS), nn.ReLU6()),
    Block(3, 1, 1, 12, 12),
    Block(5, 2, 3, 12, 20),
    Block(5, 1, 3, 20, 20),
    Block(3, 2, 2, 20, 16),
    Block(5, 2, 2, 16, 24),
)
head = nn.Sequential(nn.Conv2d(24, 28, 1, bias=False), nn.BatchNorm2d(28, EPS), nn.ReLU6())
net = nn.Sequential(
    OrderedDict(
        features=features, conv=head, pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), classifier=nn.Linear(28, 6)
    )
)
for m in net.modules():
    if isinstance(m, nn.BatchNorm2d):
        nn.init.uniform_(m.weight, 0.5, 1.5)
        nn.init.normal_(m.bias, 0.0, 0.5)
        m.running_mean.normal_(0.0, 0.5)
        # Variances that the epsilon matters to.
        m.running_var.uniform_(0.01, 0.5)
images, labels = torch.randn(6, 3, 24, 24), torch.arange(6)
out = {"images": images, "labels": labels.float()}
for name, value in net.state_dict().items():
    if value.is_floating_point():
        out[f"weights.{name}"] = value.clone()
with torch.no_grad():
    out["logits"] = copy.deepcopy(net).double().eval()(images.double()).float()


def step(net, images):
    net.train()
    loss = cross_entropy(net(images), labels)
    loss.backward()
    return loss, {name: value.grad.clone() for name, value in net.named_parameters()}


_, narrow = step(copy.deepcopy(net), images)
exact = copy.deepcopy(net).double()
loss, wide = step(exact, images.double())
out["loss"] = loss.detach().float().reshape(1)
for name, gradient in wide.items():
    out[f"gradient.{name}"] = gradient.float()
    out[f"float32.{name}"] = (narrow[name] - gradient).abs().max().float().reshape(1)
torch.optim.SGD(exact.parameters(), 0.1, momentum=0.9, weight_decay=0.01).step()
for name, value in exact.state_dict().items():
    if "running" in name:
        out[f"statistics.{name}"] = value.float()
    elif value.is_floating_point():
        out[f"stepped.{name}"] = value.float()
save_file({name: value.detach().contiguous() for name, value in out.items()}, Path(__file__).with_name("lite.safetensors"))
