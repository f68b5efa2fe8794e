"""Makes the small checkpoints that tests/pytorch.rs reads: python make.py"""

from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path, PurePosixPath

import numpy as np
import torch

HERE = Path(__file__).parent
ramp = torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4 - 0.5
state = OrderedDict(a=ramp, b=ramp.t(), c=ramp[0, 1:], count=torch.tensor(7), one=torch.tensor(2.5))


def save(name, value, zipped):
    torch.save(value, HERE / name, _use_new_zipfile_serialization=zipped)


for zipped, kind in [(True, "zip"), (False, "old")]:
    save(f"plain-{kind}.pth", state, zipped)
    nested = {
        "epoch": 3,
        "best": 0.75,
        "arch": "tiny",
        "state_dict": OrderedDict((f"module.{k}", v) for k, v in state.items()),
        "optimizer": {"state": {0: {"momentum_buffer": ramp + 1}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
    }
    save(f"nested-{kind}.pth.tar", nested, zipped)
    for dtype in ["float16", "bfloat16", "float64"]:
        cast = OrderedDict((k, v.to(getattr(torch, dtype))) for k, v in state.items() if k != "count")
        save(f"{dtype}-{kind}.pt", cast, zipped)
    training = {
        "model": {"a": torch.nn.Parameter(ramp)},
        "best_acc1": torch.tensor(76.5),
        "rng": torch.zeros(4, dtype=torch.uint8),
        "best": np.float64(0.75),
        "losses": np.arange(3.0),
        "args": Namespace(lr=0.1, out=PurePosixPath("runs"), device=torch.device("cpu"), dtype=torch.float32),
        "milestones": Counter([3, 6]),
        "by_class": defaultdict(list, cat=[1]),
        "seen": {1, 2},
        "roots": 1 + 2j,
        "digest": b"\x00\xff",
        "large": 2**100,
    }
    save(f"training-{kind}.pth.tar", training, zipped)
save("parameter.pt", {"model": {"a": torch.nn.Parameter(ramp)}}, True)
# An archive is named after its file, and 21 characters make the header of its first entry as long
# as the zip64 records at its end.
save("name-of-21-characters.pth", {"a": ramp}, True)
