"""An image classifier for PyTorch, and the code that trains it.

Needs torch; training also needs torchvision. Written by `seesaw export`, version {{VERSION}}.

    python {{FILE}} --data photos --out runs/gpu         # a folder with a subfolder for each class
    python {{FILE}} --data photos --out runs/gpu --resume
    seesaw import runs/gpu/best.pth best.safetensors --net runs/gpu/net.toml --labels runs/gpu/classes.txt

The folder has `train` and `val` subfolders, each with a subfolder for each class, or else the classes
themselves, of which a share is held out. Weights are initialized at random, or read with `--init` from a
state dict that `seesaw export MODEL weights.pth` wrote. Where timm is installed, importing this file
registers the net as {{TIMM_NAME}}.
"""

import argparse
import copy
import json
import math
import random
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

NAME = {{NAME}}
TIMM_NAME = {{TIMM_NAME}}
# The net as a table of stages, as `seesaw summary --toml` prints it.
NET = {{NET}}
NET_TOML = {{NET_TOML}}
# How photos become the net's input.
PREPROCESS = {{PREPROCESS}}
# How the net is trained, as `seesaw recipes` prints it.
RECIPE = {{RECIPE}}
# The classes of the weights that the file was written for; training has those of its photos.
LABELS = {{LABELS}}


class Conv(nn.Conv2d):
    """A convolution without bias; `same` pads as TensorFlow does, as little as possible."""

    def __init__(self, inputs, outputs, kernel=1, stride=1, groups=1, same=False):
        padding = 0 if same else kernel // 2
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        self.same = same
        self.fan_out = kernel * kernel * outputs

    def forward(self, x):
        if self.same:
            pads = []
            for size in (x.shape[3], x.shape[2]):
                step, kernel = self.stride[0], self.kernel_size[0]
                total = max((-(-size // step) - 1) * step + kernel - size, 0)
                pads += [total // 2, total - total // 2]
            x = F.pad(x, pads)
        return super().forward(x)


class Flow(nn.Module):
    """Channels as a matrix of some rows, transposed: `shuffle(rows)` or `shuffle(c/columns)`."""

    def __init__(self, text, channels):
        super().__init__()
        inner = text.removeprefix("shuffle(").removesuffix(")")
        self.rows = channels // int(inner[2:]) if inner.startswith("c/") else int(inner)

    def forward(self, x):
        n, c, h, w = x.shape
        return x.reshape(n, self.rows, c // self.rows, h, w).transpose(1, 2).reshape(n, c, h, w)


def flow(text, channels):
    return nn.Identity() if text == "keep" else Flow(text, channels)


def sizes(text):
    """Relative group sizes: `1:3` is a quarter and three quarters of the channels."""
    return [int(size) for size in text.split(":")]


def parts(groups, inputs, outputs):
    """A convolution for each group."""
    total = sum(groups)
    convs = [Conv(inputs * size // total, outputs * size // total) for size in groups]
    for conv in convs:
        conv.fan_out = outputs
    return convs


def apply_parts(convs, x):
    pieces = x.split([conv.in_channels for conv in convs], 1)
    return torch.cat([conv(piece) for conv, piece in zip(convs, pieces)], 1)


def norm(channels):
    return nn.BatchNorm2d(channels, eps=NET.get("batch_norm_eps", 1e-5))


class Block(nn.Module):
    """An inverted residual: expand, depthwise, project.

    Its layers have the names that `seesaw` knows, which depend on the groups.
    """

    def __init__(self, stage, inputs, stride):
        super().__init__()
        wide, outputs = inputs * stage["expansion"], stage["channels"]
        expand = sizes(stage["expand"]) if stage.get("expand") else None
        project = sizes(stage["project"])
        same = NET.get("padding") == "same"
        depthwise = Conv(wide, wide, stage.get("kernel", 3), stride, wide, same)
        self.residual = stride == 1 and inputs == outputs
        self.activate_expand = bool(stage.get("activate_expand"))
        self.flow = flow(stage.get("flow", "keep"), wide)
        self.output_flow = flow(stage.get("output_flow", "keep"), outputs)
        even = all(len(set(groups)) == 1 for groups in (expand, project) if groups)
        if even:
            self.kind = "even"
            layers = []
            if expand:
                layers += [Conv(inputs, wide, groups=len(expand)), norm(wide), nn.Identity()]
            layers += [depthwise, norm(wide), nn.Identity()]
            layers += [Conv(wide, outputs, groups=len(project)), norm(outputs)]
            self.conv = nn.Sequential(*layers)
        elif expand == [1, 3] and project in ([1, 3], [3, 1]):
            self.kind = "uneven"
            self.pwconv10, self.pwconv20 = map(nn.Sequential, parts(expand, inputs, wide))
            self.Permu2 = nn.Sequential(norm(wide))
            self.dwconv = nn.Sequential(depthwise, norm(wide))
            names = ["pwconv11", "pwconv21"] if project == [1, 3] else ["pwconv21", "pwconv11"]
            for name, conv in zip(names, parts(project, wide, outputs)):
                setattr(self, name, nn.Sequential(conv))
            self.projections = names
            self.Permu4 = nn.Sequential(norm(outputs))
        else:
            self.kind = "other"
            if expand:
                self.expand = nn.ModuleList(parts(expand, inputs, wide))
                self.expand_norm = norm(wide)
            self.depthwise, self.depthwise_norm = depthwise, norm(wide)
            self.project = nn.ModuleList(parts(project, wide, outputs))
            self.project_norm = norm(outputs)

    def expanded(self, x):
        """After the expand convolution and its norm; `x` itself where there is none."""
        if self.kind == "even":
            return self.conv[1](self.conv[0](x)) if len(self.conv) == 8 else x
        if self.kind == "uneven":
            return self.Permu2(apply_parts([self.pwconv10[0], self.pwconv20[0]], x))
        return self.expand_norm(apply_parts(self.expand, x)) if hasattr(self, "expand") else x

    def filtered(self, x):
        """After the depthwise convolution and its norm."""
        if self.kind == "even":
            first = len(self.conv) - 5
            return self.conv[first + 1](self.conv[first](x))
        if self.kind == "uneven":
            return self.dwconv(x)
        return self.depthwise_norm(self.depthwise(x))

    def projected(self, x):
        """After the project convolution and its norm."""
        if self.kind == "even":
            return self.conv[-1](self.conv[-2](x))
        if self.kind == "uneven":
            convs = [getattr(self, name)[0] for name in self.projections]
            return self.Permu4(apply_parts(convs, x))
        return self.project_norm(apply_parts(self.project, x))

    def forward(self, x):
        y = self.expanded(x)
        y = F.relu6(y) if self.activate_expand else y
        y = F.relu6(self.filtered(self.flow(y)))
        y = self.output_flow(self.projected(y))
        return x + y if self.residual else y


class Net(nn.Module):
    """The net of the table `NET`, with random weights."""

    def __init__(self, num_classes=None, dropout=None):
        super().__init__()
        self.num_classes = num_classes = NET["classes"] if num_classes is None else num_classes
        stem, head = NET["stem"], NET["head"]
        same = NET.get("padding") == "same"
        self.num_features = head["channels"]
        conv = Conv(3, stem["channels"], 3, stem["stride"], same=same)
        layers, channels = [nn.Sequential(conv, norm(stem["channels"]), nn.ReLU6())], stem["channels"]
        for stage in NET["stages"]:
            for index in range(stage["repeat"]):
                layers.append(Block(stage, channels, stage["stride"] if index == 0 else 1))
                channels = stage["channels"]
        groups = [stage.get(layer) for stage in NET["stages"] for layer in ("expand", "project")]
        # Nets whose convolutions are all dense are named as MobileNetV2's.
        self.is_mobile = all(len(sizes(text)) == 1 for text in groups if text)
        last = nn.Sequential(Conv(channels, head["channels"]), norm(head["channels"]), nn.ReLU6())
        if self.is_mobile:
            self.conv = last
        else:
            layers.append(last)
        self.features = nn.Sequential(*layers)
        own = head.get("dropout", 0.0)
        self.dropout = nn.Dropout(own if dropout is None else dropout)
        linear = nn.Linear(head["channels"], num_classes)
        # In these, a dropout before the linear layer decides its name.
        before = [nn.Identity()] if own > 0 else []
        self.classifier = linear if self.is_mobile else nn.Sequential(*before, linear)
        self.initialize()

    def initialize(self):
        """He's normal weights; the linear layer's are small."""
        for module in self.modules():
            if isinstance(module, Conv):
                nn.init.normal_(module.weight, std=math.sqrt(2 / module.fan_out))
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def linear(self):
        return self.classifier if self.is_mobile else self.classifier[-1]

    def forward_features(self, x):
        x = self.features(x)
        return self.conv(x) if self.is_mobile else x

    def forward_head(self, x, pre_logits=False):
        x = self.dropout(x.mean([2, 3]))
        return x if pre_logits else self.classifier(x)

    def forward(self, x):
        return self.forward_head(self.forward_features(x))

    def get_classifier(self):
        return self.linear()

    def reset_classifier(self, num_classes, global_pool=None):
        self.num_classes = num_classes
        linear = nn.Linear(self.num_features, num_classes)
        nn.init.normal_(linear.weight, std=0.01)
        nn.init.zeros_(linear.bias)
        if self.is_mobile:
            self.classifier = linear
        else:
            self.classifier[-1] = linear


def load(path, net):
    """Reads weights from a state dict or a checkpoint; those of another linear layer are left out."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    state = state.get("state_dict", state)
    state = {name.removeprefix("module."): value for name, value in state.items()}
    own = net.state_dict()
    other = [n for n in state if n.startswith("classifier") and n in own and state[n].shape != own[n].shape]
    for name in other:
        print(f"{path}: {name} is for other classes and starts at random")
        del state[name]
    missing, unexpected = net.load_state_dict(state, strict=False)
    missing = [n for n in missing if n not in other and not n.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise SystemExit(f"{path}: not the weights of {NAME}: {len(missing)} missing, {len(unexpected)} unknown")


# Training


def share(epoch, epochs):
    """The schedule: which share of the rate an epoch has, counted from 0 with fractions."""
    schedule = RECIPE["schedule"]
    kind, warmup = schedule["kind"], min(schedule["warmup"], epochs / 2)
    half_cosine = lambda over: (1 + math.cos(math.pi * over)) / 2
    progress = lambda at, first, last: min(max((at - first) / (last - first), 0), 1)
    if kind == "one-cycle":
        over, peak = epoch / epochs, schedule["peak"]
        if over < peak:
            return 1 + (1 / 25 - 1) * half_cosine(over / peak)
        return 1 / 250_000 + (1 - 1 / 250_000) * half_cosine(progress(over, peak, 1))
    if kind == "cosine":
        floor = schedule["floor"]
        value = floor + (1 - floor) * half_cosine(progress(epoch, warmup, epochs))
    elif kind == "step":
        value = schedule["factor"] ** math.floor(epoch / schedule["every"])
    elif kind == "multi-step":
        value = schedule["factor"] ** sum(at <= epoch for at in schedule["at"])
    elif kind == "exponential":
        value = schedule["factor"] ** math.floor(epoch)
    else:
        value = 1.0
    return value * (0.01 + 0.99 * epoch / warmup) if epoch < warmup else value


def depth(name, net):
    """Layers from the input: 0 the stem, then the blocks, the head and the linear layer."""
    blocks = sum(stage["repeat"] for stage in NET["stages"])
    if name.startswith("classifier"):
        return blocks + 2
    return blocks + 1 if name.startswith("conv.") else int(name.split(".")[1])


def optimizer(net):
    """The recipe's optimizer, and what the rate of each group of parameters is multiplied by."""
    spec, groups = RECIPE["optimizer"], {}
    deepest = depth("classifier", net)
    for name, parameter in net.named_parameters():
        level = depth(name, net)
        parameter.requires_grad = level >= spec["frozen"]
        if not parameter.requires_grad:
            continue
        factor = spec["layer_decay"] ** (deepest - level)
        decays = parameter.ndim > 1 or spec["decay_norms"]
        groups.setdefault((factor, decays), []).append(parameter)
    groups = [
        {"params": params, "factor": factor, "weight_decay": spec["weight_decay"] if decays else 0.0}
        for (factor, decays), params in groups.items()
    ]
    if spec["kind"] == "adamw":
        return torch.optim.AdamW(groups, spec["rate"], tuple(spec["betas"]), spec["epsilon"])
    return torch.optim.SGD(groups, spec["rate"], spec["momentum"], nesterov=spec["nesterov"])


class Ema:
    """A running mean of the weights and statistics, which forgets the first steps soon."""

    def __init__(self, net, decay):
        self.net, self.decay, self.updates = copy.deepcopy(net).eval(), decay, 0

    @torch.no_grad()
    def update(self, net):
        keep = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for mean, now in zip(self.net.state_dict().values(), net.state_dict().values()):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - keep)
            else:
                mean.copy_(now)
        self.updates += 1


class Cutout:
    """Erases a square around a random pixel."""

    def __init__(self, side):
        self.side = side

    def __call__(self, image):
        _, height, width = image.shape
        top, left = (random.randrange(n) - self.side // 2 for n in (height, width))
        image[:, max(top, 0) : top + self.side, max(left, 0) : left + self.side] = 0
        return image


def transforms(size, training):
    from torchvision import transforms as T

    augment, normalize = RECIPE["augment"], T.Normalize(RECIPE["mean"], RECIPE["std"])
    center = [T.Resize(int(size / RECIPE["center"] + 0.5)), T.CenterCrop(size)]
    if not training:
        return T.Compose([*center, T.ToTensor(), normalize])
    if augment["crop"] == "resized":
        changes = [T.RandomResizedCrop(size, tuple(augment["scale"]), tuple(augment["ratio"]))]
    elif augment["crop"] == "padded":
        mode = "reflect" if augment["padding_mode"] == "reflect" else "constant"
        changes = [T.Resize(size), T.CenterCrop(size)]
        changes.append(T.RandomCrop(size, augment["padding"], padding_mode=mode))
    else:
        changes = center
    if augment["flip"]:
        changes.append(T.RandomHorizontalFlip())
    if augment.get("flip_vertical"):
        changes.append(T.RandomVerticalFlip())
    if augment.get("turn"):
        changes.append(T.RandomChoice([T.RandomRotation((angle, angle)) for angle in (0, 90, 180, 270)]))
    if augment["trivial"]:
        changes.append(T.TrivialAugmentWide())
    if any(augment["jitter"].values()):
        changes.append(T.ColorJitter(*(augment["jitter"][k] for k in ("brightness", "contrast", "saturation", "hue"))))
    changes += [T.ToTensor(), normalize]
    if augment["erasing"]:
        changes.append(T.RandomErasing(augment["erasing"]))
    if augment["cutout"]:
        changes.append(Cutout(augment["cutout"]))
    return T.Compose(changes)


def mix(images, labels):
    """Mixup and cutmix with the next image of the batch; returns images, other labels and own shares."""
    augment, count = RECIPE["augment"], len(images)
    others, shares = labels.roll(-1), torch.ones(count, device=images.device)
    kinds = [kind for kind in ("mixup", "cutmix") if augment[kind] > 0]
    partner, size = images.roll(-1, 0), images.shape[-1]
    images = images.clone() if kinds else images
    for index in range(count if kinds else 0):
        if random.random() >= augment["mix_probability"]:
            continue
        kind = random.choice(kinds)
        own = random.betavariate(augment[kind], augment[kind])
        own = max(own, 1 - own)
        if kind == "mixup":
            images[index] = own * images[index] + (1 - own) * partner[index]
            shares[index] = own
            continue
        half = math.sqrt(1 - own) * size / 2
        clamp = lambda at: int(min(max(at, 0), size))
        (top, bottom), (left, right) = (
            (clamp(at - half), clamp(at + half)) for at in (random.randrange(size), random.randrange(size))
        )
        images[index, :, top:bottom, left:right] = partner[index, :, top:bottom, left:right]
        shares[index] = 1 - (bottom - top) * (right - left) / size**2
    return images, others, shares


def datasets(args):
    """Training images, validation images and class names."""
    from torchvision.datasets import ImageFolder

    root = Path(args.data)
    val = next((root / n for n in ("val", "valid", "validation", "test") if (root / n).is_dir()), None)
    if (root / "train").is_dir() and val:
        train, held_out = ImageFolder(root / "train"), ImageFolder(val)
        if train.classes != held_out.classes:
            raise SystemExit(f"{val}: other classes than {root / 'train'}")
        return train, held_out, train.classes
    folder = ImageFolder(root)
    order = torch.randperm(len(folder), generator=torch.Generator().manual_seed(RECIPE["seed"])).tolist()
    count = round(len(order) * (RECIPE.get("val_split") or 0.2))
    subset = lambda indices: torch.utils.data.Subset(folder, sorted(indices))
    return subset(order[count:]), subset(order[:count]), folder.classes


class Transformed(torch.utils.data.Dataset):
    """Images through a transform of their own, so that two parts of a folder can have different ones."""

    def __init__(self, images, transform):
        self.images, self.transform = images, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image, label = self.images[index]
        return self.transform(image.convert("RGB")), label


def phase(epoch, args):
    """Side and number of the images of a batch."""
    size, batch = NET["input_size"], args.batch or RECIPE["batch"]
    for change in RECIPE.get("sizes") or []:
        if change["from_epoch"] <= epoch:
            size, batch = change["size"], args.batch or change.get("batch") or RECIPE["batch"]
    return args.size or size, batch


def balanced_sampler(images):
    """As many images as there are, drawn from each class equally often."""
    if isinstance(images, torch.utils.data.Subset):
        labels = torch.tensor([images.dataset.targets[index] for index in images.indices])
    else:
        labels = torch.tensor(images.targets)
    weights = 1 / labels.bincount()[labels].double()
    return torch.utils.data.WeightedRandomSampler(weights, len(labels))


def loader(images, size, batch, training, args):
    balanced = training and RECIPE.get("sampler") == "balanced"
    return torch.utils.data.DataLoader(
        Transformed(images, transforms(size, training)),
        min(batch, len(images)),
        shuffle=training and not balanced,
        sampler=balanced_sampler(images) if balanced else None,
        drop_last=training,
        num_workers=args.workers,
        pin_memory=args.device.startswith("cuda"),
    )


@torch.no_grad()
def evaluate(net, batches, args):
    """Mean cross entropy and top-1 accuracy."""
    net.eval()
    loss, right, count = 0.0, 0, 0
    for images, labels in batches:
        images = images.to(args.device, memory_format=torch.channels_last, non_blocking=True)
        labels = labels.to(args.device, non_blocking=True)
        with autocast(args):
            logits = net(images).float()
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
        right += (logits.argmax(1) == labels).sum().item()
        count += len(labels)
    return loss / max(count, 1), right / max(count, 1)


def autocast(args):
    """Mixed precision on GPUs: bfloat16 where they have it, else float16 with scaled gradients."""
    device = args.device.split(":")[0]
    return torch.autocast(device, dtype=args.half or torch.bfloat16, enabled=args.half is not None)


def train_mode(net):
    """Training mode; with running statistics, the batch norms stay in evaluation mode."""
    net.train()
    if RECIPE.get("statistics") == "running":
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


class Trainer:
    def __init__(self, args):
        self.args = args
        self.train_images, self.val_images, self.classes = datasets(args)
        dropout = RECIPE.get("dropout")
        net = Net(len(self.classes), dropout)
        if args.init:
            load(args.init, net)
        self.net = net.to(args.device, memory_format=torch.channels_last)
        self.optimizer = optimizer(self.net)
        self.ema = Ema(self.net, RECIPE["ema"]["decay"]) if RECIPE["ema"]["decay"] > 0 else None
        self.scaler = torch.amp.GradScaler(args.device.split(":")[0], enabled=args.half is torch.float16)
        self.epoch, self.step, self.best, self.since = 0, 0, -1.0, 0
        self.loss = nn.CrossEntropyLoss(label_smoothing=RECIPE["loss"]["smoothing"], reduction="none")
        _, batch = phase(0, args)
        self.epochs = args.epochs or RECIPE["epochs"]
        if isinstance(self.epochs, dict):
            steps = max(len(self.train_images) // batch // RECIPE["accumulate"], 1)
            self.epochs = min(max(round(self.epochs["steps"] / steps), self.epochs["min"]), self.epochs["max"])

    def result(self):
        """The net that is validated and used."""
        return self.ema.net if self.ema else self.net

    def run(self):
        while self.epoch < self.epochs:
            start = time.perf_counter()
            size, batch = phase(self.epoch, self.args)
            loss, images, stopped = self.train_epoch(size, batch)
            self.epoch += 1
            line = f"epoch {self.epoch}/{self.epochs}: loss {loss:.4f}"
            due = self.epoch % (RECIPE.get("validate_every") or 1) == 0 or self.epoch == self.epochs or stopped
            if due:
                line += self.validate(batch)
            print(f"{line}, {images / (time.perf_counter() - start):.0f} images/s", flush=True)
            self.save("last.pth")
            if stopped or (RECIPE["patience"] and self.since >= RECIPE["patience"]):
                break

    def train_epoch(self, size, batch):
        batches = loader(self.train_images, size, batch, True, self.args)
        if len(batches) == 0:
            raise SystemExit(f"{len(self.train_images)} training images make no batch")
        train_mode(self.net)
        total, images_seen, accumulate = 0.0, 0, RECIPE["accumulate"]
        for index, (images, labels) in enumerate(batches):
            images = images.to(self.args.device, memory_format=torch.channels_last, non_blocking=True)
            labels = labels.to(self.args.device, non_blocking=True)
            images, others, shares = mix(images, labels)
            with autocast(self.args):
                logits = self.net(images)
            logits = logits.float()
            loss = (shares * self.loss(logits, labels) + (1 - shares) * self.loss(logits, others)).mean()
            self.scaler.scale(loss / accumulate).backward()
            total, images_seen = total + loss.item() * len(labels), images_seen + len(labels)
            if (index + 1) % accumulate == 0 or index + 1 == len(batches):
                self.update(self.epoch + index / len(batches))
            if self.args.steps and self.step >= self.args.steps:
                return total / images_seen, images_seen, True
        return total / images_seen, images_seen, False

    def update(self, epoch):
        """One step of the optimizer."""
        rate = RECIPE["optimizer"]["rate"] * share(epoch, self.epochs)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        if RECIPE["clip"] > 0:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.net.parameters(), RECIPE["clip"])
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        if self.ema:
            self.ema.update(self.net)

    def validate(self, batch):
        size, _ = phase(self.epochs - 1, self.args)
        batches = loader(self.val_images, size, batch, False, self.args)
        loss, top1 = evaluate(self.result(), batches, self.args)
        self.since += 1
        if top1 > self.best:
            self.best, self.since = top1, 0
            self.save("best.pth")
        return f", validation loss {loss:.4f}, top-1 {100 * top1:.2f} %"

    def save(self, name):
        """A checkpoint that `seesaw import` reads, as it does any state dict with these names."""
        state = {
            "state_dict": {k: v.contiguous() for k, v in self.result().state_dict().items()},
            "net": NAME,
            "epoch": self.epoch,
            "step": self.step,
            "best": self.best,
            "since": self.since,
            "updates": self.ema.updates if self.ema else 0,
            "raw": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }
        path = Path(self.args.out) / name
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(path)

    def resume(self):
        path = Path(self.args.out) / "last.pth"
        state = torch.load(path, map_location=self.args.device, weights_only=True)
        self.net.load_state_dict(state["raw"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.epoch, self.step = state["epoch"], state["step"]
        self.best, self.since = state["best"], state["since"]
        if self.ema:
            self.ema.net.load_state_dict(state["state_dict"])
            self.ema.updates = state["updates"]


def arguments():
    parser = argparse.ArgumentParser(description=f"Train {NAME}", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--data", required=True, help="folder of photos, with a subfolder for each class, or train and val")
    add("--out", default="run", help="folder for checkpoints")
    add("--init", help="start from these weights: a state dict or a checkpoint")
    add("--resume", action="store_true", help="resume from the last checkpoint in the folder of --out")
    add("--epochs", type=int, help="passes over the training images, instead of the recipe's")
    add("--batch", type=int, help="images per batch, instead of the recipe's; scale the rate alike")
    add("--size", type=int, help="side of the images in pixels, instead of the recipe's")
    add("--steps", type=int, help="stop after this many steps")
    add("--workers", type=int, default=4, help="processes that load images")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="where to compute")
    add("--no-amp", action="store_true", help="compute in float32")
    args = parser.parse_args()
    args.half = None
    if args.device.startswith("cuda") and not args.no_amp:
        args.half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return args


def main():
    args = arguments()
    random.seed(RECIPE["seed"])
    torch.manual_seed(RECIPE["seed"])
    trainer = Trainer(args)
    out = Path(args.out)
    if args.resume:
        trainer.resume()
    elif (out / "last.pth").exists():
        raise SystemExit(f"{out} has a checkpoint already; add --resume, or choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    (out / "net.toml").write_text(NET_TOML, encoding="utf-8")
    (out / "classes.txt").write_text("".join(f"{name}\n" for name in trainer.classes), encoding="utf-8")
    (out / "recipe.json").write_text(json.dumps(RECIPE, indent=2) + "\n", encoding="utf-8")
    trainer.run()
    files = f"{out / 'best.pth'} best.safetensors --net {out / 'net.toml'} --labels {out / 'classes.txt'}"
    print(f"to use the result: seesaw import {files}")


# timm

try:
    from timm.models import register_model
except ImportError:
    register_model = None


def create(pretrained=False, num_classes=None, drop_rate=None, in_chans=3, **ignored):
    """The net as timm's `create_model` makes it."""
    if pretrained or in_chans != 3:
        raise ValueError(f"{TIMM_NAME} has no pretrained weights in timm, and reads RGB only")
    unknown = set(ignored) - {"pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"}
    if any(ignored[name] is not None for name in unknown):
        raise ValueError(f"{TIMM_NAME} does not know {', '.join(sorted(unknown))}")
    net = Net(num_classes, drop_rate)
    side = NET["input_size"]  # The recipe above may train on smaller images.
    net.default_cfg = net.pretrained_cfg = {
        "architecture": TIMM_NAME,
        "url": "",
        "num_classes": NET["classes"],
        "input_size": (3, side, side),
        "pool_size": None,
        "crop_pct": PREPROCESS["crop"] / PREPROCESS["resize"],
        "interpolation": PREPROCESS.get("filter", "bilinear"),
        "mean": tuple(PREPROCESS["mean"]),
        "std": tuple(PREPROCESS["std"]),
        "first_conv": "features.0.0",
        "classifier": "classifier" if net.is_mobile else f"classifier.{len(net.classifier) - 1}",
    }
    return net


if register_model:
    create.__name__ = create.__qualname__ = TIMM_NAME
    globals()[TIMM_NAME] = register_model(create)

if __name__ == "__main__":
    main()
