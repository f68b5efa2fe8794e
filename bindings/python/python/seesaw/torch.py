"""The nets in PyTorch, with the weights of this package, and back.

The module is the one that `seesaw export NET net.py` writes. When timm is installed, it registers there.
"""

from __future__ import annotations

import io
import sys
import types

import torch

from . import _seesaw
from ._convert import PathLike
from ._model import Model, load

__all__ = ["create", "to_seesaw"]


def create(
    net: str,
    *,
    weights: Model | PathLike | bytes | None = None,
    classes: int | None = None,
) -> torch.nn.Module:
    """A net of the zoo as a PyTorch module, in evaluation mode.

    `weights` is a model or what `load` takes; its net must be this one. Without it, weights are random.

    >>> module = create("seesaw-shuffle-0.5d-imagenet", weights="seesaw-shuffle-0.5d-imagenet")
    >>> module(torch.zeros(1, 3, 224, 224)).shape
    torch.Size([1, 1000])
    """
    model = weights if weights is None or isinstance(weights, Model) else load(weights)
    if model is not None:
        if classes not in (None, len(model.labels)):
            raise ValueError(f"weights for {len(model.labels)} classes, not {classes}")
        classes = len(model.labels)
    module: torch.nn.Module = _module(net, classes).Net()
    if model is not None:
        arrays = _seesaw.state_dict(model._inner)
        module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return module.eval()


def to_seesaw(module: torch.nn.Module, *, threads: int | None = None) -> Model:
    """A module of `create` as a model of this package. Class names are not in a module."""
    code = sys.modules.get(type(module).__module__)
    description = getattr(code, "NET_TOML", None)
    if not isinstance(description, str):
        raise TypeError(f"{type(module).__name__} is not a module of `seesaw.torch.create`")
    buffer = io.BytesIO()
    tensors = module.state_dict().items()
    torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors}, buffer)
    # The description has as many classes as the net was made for; the tensors decide.
    return load(buffer.getvalue(), net=description, threads=threads)


def _module(net: str, classes: int | None) -> types.ModuleType:
    """The module with the code of a net: one for each net and number of classes."""
    name = f"seesaw.torch.{net.replace('-', '_').replace('.', '_')}_{classes or 'all'}"
    if name not in sys.modules:
        code = compile(_seesaw.pytorch_code(net, classes), f"<{name}>", "exec")
        module = types.ModuleType(name, f"{net} in PyTorch.")
        sys.modules[name] = module
        try:
            exec(code, module.__dict__)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]
