"""Writes optimizers.json: five steps of PyTorch's optimizers on nine numbers, in float64.

Gradients are a fixed function of the step and the parameter, so that a test needs no data.
"""

import json
import math
import pathlib

import torch

N, STEPS = 9, 5
START = [math.sin(i + 1) for i in range(N)]


def gradient(step, i):
    return math.cos(3 * step + 0.7 * i) * (1 + 0.1 * i)


def run(make, clip=None, shape=(N,)):
    p = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64).view(shape))
    optimizer = make([p])
    for step in range(STEPS):
        p.grad = torch.tensor([gradient(step, i) for i in range(N)], dtype=torch.float64).view(shape)
        if clip:
            torch.nn.utils.clip_grad_norm_([p], clip)
        optimizer.param_groups[0]["lr"] = 0.1 / (step + 1)
        optimizer.step()
    return p.detach().flatten().tolist()


sgd = lambda **options: lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.02, **options)
adamw = lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.02, betas=(0.8, 0.95), eps=1e-6)


class Turn(torch.optim.Muon):
    """PyTorch's Muon, where a step is an angle and leaves the matrix as long as it was."""

    @torch.no_grad()
    def step(self):
        (group,) = self.param_groups
        (p,) = group["params"]
        before, length = p.clone(), p.norm()
        rate = group["lr"]
        group["lr"] = 1.0
        super().step()
        group["lr"] = rate
        direction = before - p
        p.copy_(before - rate * length * direction / direction.norm())
        p.mul_(length / p.norm())


# PyTorch's Muon iterates in bfloat16; here that name means float64.
torch.bfloat16 = torch.float64
muon = lambda p: Turn(p, lr=0.1, weight_decay=0.0, momentum=0.9)
golden = {
    "torch": torch.__version__,
    "sgd": run(sgd()),
    "momentum": run(sgd(momentum=0.9)),
    "nesterov": run(sgd(momentum=0.9, nesterov=True)),
    "adamw": run(adamw),
    "clipped": run(sgd(momentum=0.9), clip=1.5),
    **{f"muon {a}x{b}": run(muon, shape=(a, b)) for a, b in [(1, 9), (9, 1), (3, 3)]},
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(golden, indent=1) + "\n")
