"""The nets in PyTorch, with the weight names that `seesaw` reads.

`build` makes a net with random weights whose batch norms are calibrated: without that, activations
fade from layer to layer and any check of the outputs passes. `fold` makes the same net without
batch norm, folded through the concatenations into the convolutions before them. `dense` also writes
the groups of a pointwise convolution as one convolution with zeros between them, in whose rows the
shuffle after it is absorbed.
"""

import copy

import torch
from torch import nn

# Expansion, output channels, blocks, stride at 224 px, stride at 32 px.
STAGES = [
    (1, 16, 1, 1, 1),
    (6, 24, 4, 2, 1),
    (6, 32, 6, 2, 2),
    (6, 64, 8, 2, 2),
    (6, 96, 6, 1, 1),
    (6, 160, 6, 2, 1),
    (6, 320, 1, 1, 1),
]
MOBILENET_BLOCKS = {16: 1, 24: 2, 32: 3, 64: 4, 96: 3, 160: 3, 320: 1}


def conv(inputs, outputs, kernel=1, stride=1, groups=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


class Shuffle(nn.Module):
    """Channel `i` of group `g` of two moves to place `2 * i + g`."""

    def forward(self, x):
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Block(nn.Module):
    """What all inverted residuals share: the sum of input and output where shapes agree."""

    def forward(self, x):
        y = self.body(x)
        return x + y if self.residual else y


class EvenBlock(Block):
    """Pointwise convolutions in equal groups: MobileNetV2 (one), Seesaw from 160 channels (two)."""

    def __init__(self, inputs, outputs, stride, expansion, groups, shuffle, activate):
        super().__init__()
        wide = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        layers = []
        if expansion > 1 or groups > 1:
            between = nn.ReLU6() if activate else Shuffle() if shuffle else nn.Identity()
            layers += [conv(inputs, wide, groups=groups), nn.BatchNorm2d(wide), between]
        layers += [conv(wide, wide, 3, stride, wide), nn.BatchNorm2d(wide), nn.ReLU6()]
        layers += [conv(wide, outputs, groups=groups), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(*layers)

    def body(self, x):
        return self.conv(x)


class UnevenBlock(Block):
    """Pointwise convolutions on a quarter and on three quarters of the channels."""

    def __init__(self, inputs, outputs, stride, expansion, shuffle):
        super().__init__()
        wide = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.mirrored = not shuffle
        parts = lambda i, o: [nn.Sequential(conv(i // 4 * n, o // 4 * n)) for n in (1, 3)]
        self.pwconv10, self.pwconv20 = parts(inputs, wide)
        self.pwconv11, self.pwconv21 = parts(wide, outputs)
        self.dwconv = nn.Sequential(conv(wide, wide, 3, stride, wide), nn.BatchNorm2d(wide), nn.ReLU6())
        self.Permu2 = nn.Sequential(nn.BatchNorm2d(wide), Shuffle() if shuffle else nn.Identity())
        self.Permu4 = nn.Sequential(nn.BatchNorm2d(outputs))

    def projections(self):
        """In the order of their channels: the share net gives the first three quarters to one."""
        pair = [self.pwconv11, self.pwconv21]
        return pair[::-1] if self.mirrored else pair

    def body(self, x):
        apply = lambda parts, x: torch.cat(
            [part(piece) for part, piece in zip(parts, x.split([p[0].in_channels for p in parts], 1))], 1
        )
        x = self.dwconv(self.Permu2(apply([self.pwconv10, self.pwconv20], x)))
        return self.Permu4(apply(self.projections(), x))


class Net(nn.Module):
    """`name` is one of `seesaw models`: shuffle, share v1 or MobileNetV2."""

    def __init__(self, name):
        super().__init__()
        family, small = name.rsplit("-", 2)[0], name.endswith("-cifar")
        mobile, shuffle = family == "mobilenetv2", family == "seesaw-shuffle"
        if not (mobile or shuffle or family == "seesaw-share-v1"):
            raise ValueError(f"no net {name} here")
        classes = 10 if small else 1000
        first = nn.Sequential(conv(3, 32, 3, 1 if small else 2), nn.BatchNorm2d(32), nn.ReLU6())
        layers, inputs = [first], 32
        for expansion, outputs, count, *strides in STAGES:
            if mobile:
                count = MOBILENET_BLOCKS[outputs]
            elif "-0.5d-" in name:
                count = max(1, count // 2)
            for index in range(count):
                stride = strides[small] if index == 0 else 1
                if mobile:
                    block = EvenBlock(inputs, outputs, stride, expansion, 1, False, True)
                elif inputs >= 160:
                    block = EvenBlock(inputs, outputs, stride, expansion, 2, shuffle, False)
                else:
                    block = UnevenBlock(inputs, outputs, stride, expansion, shuffle)
                layers.append(block)
                inputs = outputs
        head = nn.Sequential(conv(inputs, 1280), nn.BatchNorm2d(1280), nn.ReLU6())
        linear = nn.Linear(1280, classes)
        if mobile:
            self.conv, self.classifier = head, linear
        else:
            layers.append(head)
            parts = [nn.Identity(), linear] if small else [linear]
            self.classifier = nn.Sequential(*parts)
        self.features = nn.Sequential(*layers)

    def forward(self, x):
        x = self.features(x)
        x = self.conv(x) if hasattr(self, "conv") else x
        return self.classifier(x.mean([2, 3]))


def build(name, size):
    """A net with random weights and calibrated batch norms."""
    torch.manual_seed(0)
    net = Net(name)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # The running estimates become the average of all batches.
            nn.init.uniform_(module.weight, 0.6, 1.4)
            nn.init.normal_(module.bias, std=0.3)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.1)
    net.train()
    with torch.no_grad():
        for _ in range(3):
            net(images(8, size))
    return net.eval()


def images(count, size):
    """Noise in which neighboring pixels are alike, as in photos."""
    coarse = torch.randn(count, 3, size // 4, size // 4)
    smooth = nn.functional.interpolate(coarse, size=size, mode="bilinear")
    return smooth + 0.2 * torch.randn(count, 3, size, size)


def fold(net):
    """A copy of `net` without batch norms."""
    net = copy.deepcopy(net)
    for module in list(net.modules()):
        if isinstance(module, UnevenBlock):
            fold_norm([module.pwconv10, module.pwconv20], module.Permu2)
            fold_norm(module.projections(), module.Permu4)
        elif isinstance(module, nn.Sequential):
            for index, (first, second) in enumerate(zip(module, module[1:])):
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    module[index], module[index + 1] = folded(first, scale_shift(second)), nn.Identity()
    return net


def fold_norm(parts, norms):
    """Folds the first of `norms`, which sees the outputs of `parts` side by side."""
    outputs = [part[0].out_channels for part in parts]
    scale, shift = scale_shift(norms[0])
    for part, *numbers in zip(parts, scale.split(outputs), shift.split(outputs)):
        part[0] = folded(part[0], numbers)
    norms[0] = nn.Identity()


def scale_shift(norm):
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


def folded(old, numbers):
    scale, shift = numbers
    new = copy.deepcopy(old)
    new.weight = nn.Parameter((old.weight * scale[:, None, None, None]).detach())
    new.bias = nn.Parameter(shift.detach())
    return new


class DenseBlock(Block):
    """An uneven block whose pointwise convolutions are dense."""

    def __init__(self, residual, *layers):
        super().__init__()
        self.residual = residual
        self.body = nn.Sequential(*layers)


def dense(net):
    """A copy of `net` without batch norms, groups and shuffles; None if it has no groups."""
    net = fold(net)
    found = False
    for parent in list(net.modules()):
        if not isinstance(parent, nn.Sequential):
            continue
        for index, layer in enumerate(parent):
            if isinstance(layer, UnevenBlock):
                parent[index] = dense_block(layer)
                found = True
            elif isinstance(layer, nn.Conv2d) and layer.groups == 2 and layer.kernel_size == (1, 1):
                # Batch norm, which is folded, and then perhaps a shuffle.
                shuffle = index + 2 < len(parent) and isinstance(parent[index + 2], Shuffle)
                parent[index] = joined(halves(layer), shuffle)
                if shuffle:
                    parent[index + 2] = nn.Identity()
                found = True
    return net if found else None


def dense_block(block):
    """A folded block with dense convolutions."""
    shuffle = any(isinstance(layer, Shuffle) for layer in block.Permu2)
    expand = joined([block.pwconv10[0], block.pwconv20[0]], shuffle)
    project = joined([part[0] for part in block.projections()])
    return DenseBlock(block.residual, expand, block.dwconv, project)


def halves(old):
    """The two groups of a convolution."""
    parts = []
    for weight, bias in zip(old.weight.chunk(2), old.bias.chunk(2)):
        part = nn.Conv2d(weight.shape[1], weight.shape[0], 1)
        part.weight, part.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
        parts.append(part)
    return parts


def joined(parts, shuffle=False):
    """Pointwise convolutions on neighboring channels as one, whose outputs are then shuffled."""
    weight = torch.block_diag(*(part.weight.detach()[:, :, 0, 0] for part in parts))
    bias = torch.cat([part.bias.detach() for part in parts])
    if shuffle:
        weight, bias = (x.unflatten(0, (2, -1)).transpose(0, 1).flatten(0, 1) for x in (weight, bias))
    new = nn.Conv2d(weight.shape[1], weight.shape[0], 1)
    new.weight, new.bias = nn.Parameter(weight[:, :, None, None].contiguous()), nn.Parameter(bias.contiguous())
    return new


def variants(net):
    """The forms that an engine may run, by name; each engine counts with its best one."""
    forms = {"plain": net, "folded": fold(net), "dense": dense(net)}
    return {name: form for name, form in forms.items() if form is not None}


def variant_names(name):
    """The keys of `variants` for the net `name`: MobileNetV2 has no groups."""
    return ["plain", "folded"] + ["dense"] * (not name.startswith("mobilenetv2"))
