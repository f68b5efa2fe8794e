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


def run(make, clip=None):
    p = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))
    optimizer = make([p])
    for step in range(STEPS):
        p.grad = torch.tensor([gradient(step, i) for i in range(N)], dtype=torch.float64)
        if clip:
            torch.nn.utils.clip_grad_norm_([p], clip)
        optimizer.param_groups[0]["lr"] = 0.1 / (step + 1)
        optimizer.step()
    return p.detach().tolist()


sgd = lambda **options: lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.02, **options)
adamw = lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.02, betas=(0.8, 0.95), eps=1e-6)
golden = {
    "torch": torch.__version__,
    "sgd": run(sgd()),
    "momentum": run(sgd(momentum=0.9)),
    "nesterov": run(sgd(momentum=0.9, nesterov=True)),
    "adamw": run(adamw),
    "clipped": run(sgd(momentum=0.9), clip=1.5),
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(golden, indent=1) + "\n")
