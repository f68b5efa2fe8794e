"""Training, and the folders that it fills."""

from __future__ import annotations

import csv
import itertools
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import _seesaw
from ._convert import PathLike, to_integer, to_threads
from ._model import Model, load

#: Called with each event, a dict whose `event` is its kind: `verifying`, `broken`, `note`, `fitting`,
#: `epoch_begins`, `batch`, `validating`, `saved`, and `epoch`, which has the fields of a line of
#: `seesaw train --json`. What it raises stops the training, which saves first.
Callback: TypeAlias = Callable[[dict[str, Any]], object]

_INTEGERS = ("epoch", "step", "size", "batch", "best")
_MODELS = {"best": "best.safetensors", "last": "last.safetensors"}


class Run:
    """The folder of a training: its models, log and settings."""

    def __init__(self, folder: PathLike) -> None:
        self.folder = Path(folder)
        if not (self.folder / "config.toml").exists():
            raise FileNotFoundError(f"{folder}: not the folder of a run")

    def __repr__(self) -> str:
        return f"<seesaw.Run {self.folder}>"

    @property
    def log(self) -> Any:
        """The log by epoch: a pandas DataFrame if pandas is installed, otherwise `columns()`."""
        try:
            import pandas
        except ImportError:
            return self.columns()
        return pandas.DataFrame(self.columns())

    def columns(self) -> dict[str, NDArray[Any]]:
        """The log as a dict of arrays; what was not measured in an epoch is NaN."""
        path = self.folder / "log.csv"
        if not path.exists():
            return {}
        with path.open(newline="") as file:
            header, *rows = csv.reader(file)
        table = zip(header, zip(*rows) if rows else ((),) * len(header))
        columns = {name: np.array([float(cell or "nan") for cell in cells]) for name, cells in table}
        for name in _INTEGERS:
            if name in columns:
                columns[name] = columns[name].astype(np.int64)
        return columns

    def model(self, which: str = "best", *, threads: int | None = None) -> Model:
        """The model of the `best` epoch, or of the `last` one."""
        if which not in _MODELS:
            raise ValueError(f"which is {which!r}; choose one of {', '.join(_MODELS)}")
        return load(self.folder / _MODELS[which], threads=threads)


def train(
    data: PathLike,
    *,
    out: PathLike | None = None,
    recipe: str | None = None,
    net: str | None = None,
    init: PathLike | None = None,
    from_scratch: bool = False,
    epochs: int | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    threads: int | None = None,
    callbacks: Iterable[Callback] = (),
    progress: bool = True,
) -> Run:
    """Trains a classifier and returns its run.

    `data` is a folder with a subfolder for each class, or whatever else `seesaw train --data` takes. What
    is not given is chosen as the command chooses it: photos start from the weights in the package.
    `settings` are fields of the recipe, such as `{"optimizer.rate": 0.01}`. `out` is the folder of the
    run, `runs/NAME` by default.

    Ctrl-C and exceptions in callbacks stop the training after the current step, and leave a run that
    `resume` continues.
    """
    if from_scratch and init is not None:
        raise ValueError("training starts from `init` or from scratch, not from both")
    os.stat(data)  # Raises the usual FileNotFoundError.
    changes = {"epochs": epochs, "seed": seed} | dict(settings or {})
    folder = _next_free(Path(data)) if out is None else Path(out)
    if (folder / "config.toml").exists():
        raise FileExistsError(f"{folder}: already holds a run; `resume` continues it")
    request = {
        "data": os.fspath(data),
        "out": folder,
        "net": net,
        "recipe": recipe,
        "init": None if init is None else os.fspath(init),
        "from_scratch": bool(from_scratch),
        "settings": [(key, _setting(value)) for key, value in changes.items() if value is not None],
        "threads": to_threads(threads),
    }
    _seesaw.train(request, _listener(callbacks, progress))
    return Run(folder)


def resume(
    run: PathLike | Run,
    *,
    epochs: int | None = None,
    threads: int | None = None,
    callbacks: Iterable[Callback] = (),
    progress: bool = True,
) -> Run:
    """Continues a run where it was stopped, or to more `epochs`; see `train`."""
    run = run if isinstance(run, Run) else Run(run)
    if epochs is not None:
        epochs = to_integer("epochs", epochs, 1, None)
    _seesaw.resume(run.folder, to_threads(threads), epochs, _listener(callbacks, progress))
    return run


def _setting(value: Any) -> str:
    """A value as the recipe's TOML has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_setting, value)) + "]"
    return str(value)


def _next_free(data: Path) -> Path:
    """The first free folder `runs/NAME`, `runs/NAME-2` and so on."""
    name = data.absolute().stem or "data"
    others = (Path("runs", f"{name}-{number}") for number in itertools.count(2))
    folders = itertools.chain([Path("runs", name)], others)
    return next(folder for folder in folders if not folder.exists() or not any(folder.iterdir()))


def _listener(callbacks: Iterable[Callback], progress: bool) -> Callback:
    listeners = list(callbacks)
    for callback in listeners:
        if not callable(callback):
            raise TypeError(f"a callback is {callback!r}, which cannot be called")
    if progress:
        listeners.append(_Progress())

    def listen(event: dict[str, Any]) -> None:
        for listener in listeners:
            listener(event)

    return listen


class _Progress:
    """A line on standard error for each epoch and each note, and on terminals and in notebooks one for
    the batch, which is written over."""

    def __init__(self) -> None:
        self._epoch = ""
        self._batches = 0
        self._live = sys.stderr.isatty() or "ipykernel" in sys.modules

    def __call__(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "epoch_begins":
            self._epoch = f"epoch {event['epoch']}/{event['epochs']}"
            self._batches = event["total"]
        elif kind == "batch" and self._live:
            text = f"{self._epoch}: batch {event['done']}/{self._batches}, loss {event['mean_loss']:.3f}"
            print(f"\r{text:<70}", end="", file=sys.stderr, flush=True)
        elif kind == "epoch":
            text = f"{self._epoch}: loss {event['train_loss']:.3f}"
            if event.get("val_top1") is not None:
                text += f", top-1 {100 * event['val_top1']:.2f} %"
            self._print(text)
        elif kind == "note":
            self._print(f"note: {event['note']}")
        elif kind == "broken":
            self._print(f"left out: {event['path']}: {event['reason']}")

    def _print(self, text: str) -> None:
        print(f"\r{text:<70}" if self._live else text, file=sys.stderr, flush=True)
