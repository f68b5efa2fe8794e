"""A scikit-learn estimator over photos."""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ._convert import to_photo
from ._model import load
from ._training import train

__all__ = ["PhotoClassifier"]

#: How the columns of the log begin that say something of the training photos.
_LOG = ("epoch", "step", "size", "batch", "rate", "train_")


class PhotoClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Trains on photos, starting from trained weights, and classifies photos.

    `X` is an array `[n, height, width, 3]` of bytes, or a list of photos as `Model.predict` takes them;
    `y` has a class for each, of any type that can be sorted. The parameters are those of `seesaw.train`.
    The model of the last epoch is used, and nothing of `X` is held out.

    Attributes after `fit`: `classes_`, `model_` (a `seesaw.Model`), `log_` (a dict of arrays).
    """

    def __init__(
        self,
        *,
        recipe: str | None = None,
        net: str | None = None,
        init: str | None = None,
        from_scratch: bool = False,
        epochs: int | None = None,
        settings: dict[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
        threads: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.recipe = recipe
        self.net = net
        self.init = init
        self.from_scratch = from_scratch
        self.epochs = epochs
        self.settings = settings
        self.random_state = random_state
        self.threads = threads
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> PhotoClassifier:
        """Trains on the photos `X` of the classes `y`."""
        photos, labels = list(X), np.asarray(y)
        if labels.ndim != 1 or len(photos) != len(labels):
            raise ValueError(f"X has {len(photos)} photos and y the shape {list(labels.shape)}")
        if not photos:
            raise ValueError("X has no photos")
        classes, indices = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"y has one class, {classes[0]!r}; training needs two or more")
        with tempfile.TemporaryDirectory(prefix="seesaw-") as folder:
            run = train(
                _write(Path(folder), photos, indices),
                out=Path(folder, "run"),
                recipe=self.recipe,
                net=self.net,
                init=self.init,
                from_scratch=self.from_scratch,
                epochs=self.epochs,
                seed=_seed(self.random_state),
                settings=self.settings,
                threads=self.threads,
                progress=self.verbose,
            )
            # From bytes: the folder is about to go.
            data = (run.folder / "last.safetensors").read_bytes()
            columns = run.columns()
        self.log_ = {name: columns[name] for name in columns if name.startswith(_LOG)}
        self.model_ = load(data, threads=self.threads)
        self.classes_ = classes
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """The probability of each class, `[n, classes]` in the order of `classes_`."""
        check_is_fitted(self)
        return self.model_.predict_proba(list(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """The most likely class of each photo."""
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]  # type: ignore[no-any-return]

    def transform(self, X: Any) -> NDArray[np.float32]:
        """The features of each photo, `[n, features]`."""
        check_is_fitted(self)
        return self.model_.features(list(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.non_deterministic = self.random_state is None
        return tags


def _seed(state: int | np.random.RandomState | None) -> int | None:
    if isinstance(state, np.random.RandomState):
        return int(state.randint(2**31))
    return None if state is None else int(state)


def _write(folder: Path, photos: list[Any], classes: NDArray[Any]) -> Path:
    """A list of the photos and their classes; photos that are no files are written beside it.

    Every photo is trained on. A run validates all the same, so it gets copies of the first photo of each
    class for that; nothing reads the result.
    """
    width = len(str(classes.max()))
    first = {int(kind): index for index, kind in reversed(list(enumerate(classes)))}
    path = folder / "photos.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "split"])
        for index, (photo, kind) in enumerate(zip(photos, classes)):
            # Of equal length, so that names and classes have the same order.
            row = [_file(folder / str(index), photo), f"{kind:0{width}}"]
            writer.writerow([*row, "train"])
            if first[int(kind)] == index:
                writer.writerow([shutil.copy(row[0], folder / f"val-{kind}"), row[1], "val"])
    return path


def _file(place: Path, photo: Any) -> str:
    """The path of a photo, which is written to `place` if it is no file."""
    found = to_photo(photo)
    if isinstance(found, str):
        return os.path.abspath(found)
    if isinstance(found, bytes):
        place.write_bytes(found)
        return str(place)
    height, width, _ = found.shape
    place = place.with_suffix(".ppm")
    place.write_bytes(f"P6 {width} {height} 255\n".encode() + np.ascontiguousarray(found).tobytes())
    return str(place)
