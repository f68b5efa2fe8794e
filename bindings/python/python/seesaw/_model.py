"""Models: photos in, classes, probabilities and features out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from . import _seesaw
from ._convert import PathLike, to_integer, to_photo, to_pixels, to_tensor, to_threads

#: A path, the bytes of a file, or pixels: a PIL image, or an array `[height, width, 3]` of bytes or
#: whatever `numpy.asarray` makes one of.
Photo: TypeAlias = Any

_MAX_BATCH = 4096


class Prediction(NamedTuple):
    """A class of a photo."""

    #: Its name, or its index where the model has no names.
    label: str
    #: Its place in `Model.labels`.
    class_index: int
    #: From 0 to 1.
    probability: float


class Explanation(NamedTuple):
    """Where in a photo a net sees each class."""

    #: The photo as the net sees it: uint8 `[size, size, 3]`.
    seen: NDArray[np.uint8]
    #: The logit of each class at each place: float32 `[classes, rows, columns]`. Their mean over all
    #: places is the logit of the photo.
    maps: NDArray[np.float32]


class Model:
    """A model ready to classify photos. `load` opens one.

    It is immutable: threads may share it, and calls release the interpreter lock. With `threads=1`
    calls from several threads run side by side.
    """

    __slots__ = ("_inner",)

    def __init__(self, inner: _seesaw.Model) -> None:
        self._inner = inner

    def __repr__(self) -> str:
        return f"<seesaw.Model {self.net}, {len(self.labels)} classes, {self.input_size} px>"

    def __reduce__(self) -> tuple[Any, ...]:
        inner = self._inner
        return (_from_bytes, (inner.to_bytes(), None, None, inner.threads, inner.batch))

    @property
    def labels(self) -> list[str]:
        """The name of each class, or its index where the model has no names."""
        return self._inner.labels

    @property
    def net(self) -> str:
        """The name of the net."""
        return self._inner.net

    @property
    def input_size(self) -> int:
        """Side of the images that the net sees, in pixels."""
        return self._inner.input_size

    @property
    def feature_count(self) -> int:
        """How many features an image has."""
        return self._inner.feature_count

    @property
    def notes(self) -> list[str]:
        """What was chosen, assumed or left out when the model was opened."""
        return self._inner.notes

    @property
    def preprocessing(self) -> dict[str, Any]:
        """How photos are prepared: `resize`, `crop`, `mean`, `std`, `fit`."""
        return self._inner.preprocess

    @overload
    def predict(
        self, photos: list[Photo] | tuple[Photo, ...], top: int = 5
    ) -> list[list[Prediction]]: ...
    @overload
    def predict(self, photos: Photo, top: int = 5) -> list[Prediction]: ...
    def predict(self, photos: Photo, top: int = 5) -> Any:
        """The `top` most likely classes of a photo, most likely first; a list of them for a list of photos.

        >>> import numpy as np
        >>> gray = np.full((200, 300, 3), 128, np.uint8)
        >>> best = load().predict(gray, top=3)
        >>> len(best), 0 < best[0].probability < 1
        (3, True)
        """
        top = to_integer("top", top, 1, None)
        rows = np.atleast_2d(self.predict_proba(photos))
        labels = self.labels
        # Of equal ones, the lower index first.
        orders = np.argsort(-rows, axis=1, kind="stable")[:, :top]
        found = [
            [Prediction(labels[i], int(i), float(row[i])) for i in order]
            for row, order in zip(rows, orders)
        ]
        return found if _is_many(photos) else found[0]

    def predict_proba(self, photos: Photo) -> NDArray[np.float64]:
        """The probability of each class: `[classes]` of a photo, `[n, classes]` of a list or a batch.

        A batch is an array `[n, height, width, 3]` of bytes.
        """
        return self._map(self._inner.probabilities, photos)

    def features(self, photos: Photo) -> NDArray[np.float32]:
        """What the last layer reads: `[features]` of a photo, `[n, features]` of a list or a batch.

        Photos that look alike to the net have similar features.
        """
        return self._map(self._inner.features, photos)

    def preprocess(self, photos: Photo) -> NDArray[np.float32]:
        """Photos as the net's input, normalized: `[3, size, size]`, or `[n, 3, size, size]`."""
        side = self.input_size
        rows = self._map(self._inner.inputs, photos)
        return rows.reshape(*rows.shape[:-1], 3, side, side)

    def explain(self, photo: Photo) -> Explanation:
        """Where in a photo the net sees each class."""
        return Explanation(*self._inner.explain(to_photo(photo)))

    def __call__(self, images: Any) -> NDArray[np.float32]:
        """The logits of normalized images: float32 `[n, 3, size, size]` to `[n, classes]`.

        >>> import numpy as np
        >>> model = load("seesaw-shuffle-0.5d-imagenet")
        >>> model(np.zeros((2, 3, 224, 224), np.float32)).shape
        (2, 1000)
        """
        return self._inner.run(to_tensor(images))

    def tensor_features(self, images: Any) -> NDArray[np.float32]:
        """The features of normalized images: float32 `[n, 3, size, size]` to `[n, features]`."""
        return self._inner.run_features(to_tensor(images))

    def export(
        self,
        path: PathLike,
        *,
        groups: Literal["auto", "dense", "split"] = "auto",
        input: Literal["tensor", "pixels", "photo"] = "tensor",
        half: bool = False,
        softmax: bool = False,
    ) -> list[str]:
        """Writes the model for another program; the extension decides on the format.

        `.onnx` is for ONNX Runtime, OpenVINO and others, with the options of `seesaw export`; `.pth` is a
        PyTorch state dict, `.py` the net in PyTorch with its training, `.safetensors` this package's own
        format. Returns what was left out, as sentences.
        """
        path = Path(path)
        return self._inner.export(path, groups=groups, input=input, half=half, softmax=softmax)

    def save(self, path: PathLike) -> None:
        """Writes the model in this package's own format, which `load` reads."""
        if Path(path).suffix.lower() != ".safetensors":
            raise ValueError(f"{path}: the name of a model ends in .safetensors")
        self.export(path)

    def _map(self, function: Callable[[list[Any]], NDArray[Any]], photos: Photo) -> NDArray[Any]:
        if isinstance(photos, (list, tuple)):
            return function([to_photo(photo) for photo in photos])
        if _is_many(photos):
            return function([to_pixels(pixels) for pixels in np.asarray(photos)])
        row: NDArray[Any] = function([to_photo(photos)])[0]
        return row


def load(
    model: PathLike | bytes | None = None,
    *,
    net: str | None = None,
    key: str | None = None,
    threads: int | None = None,
    batch: int = 8,
) -> Model:
    """Opens a model.

    `model` is a file that Seesaw wrote or a PyTorch checkpoint of a net that is known, the bytes of one,
    or the name of weights that the package contains (see `zoo`); without it, the default weights, which
    know 1000 classes. `net` is needed only where tensors fit several nets: the name of one, or its
    description in TOML. `key` says where in a checkpoint the weights are. `threads` is how many threads a call uses; by default, as many as there are
    processors. `batch` is how many images are computed at a time.

    >>> load()
    <seesaw.Model efficientnet-lite0, 1000 classes, 224 px>
    """
    threads = to_threads(threads)
    batch = to_integer("batch", batch, 1, _MAX_BATCH)
    if model is None:
        return Model(_seesaw.Model.bundled(None, threads, batch))
    if isinstance(model, (bytes, bytearray, memoryview)):
        return _from_bytes(bytes(model), net, key, threads, batch)
    path = os.fspath(model)
    if not isinstance(path, str):
        raise TypeError("a model is a str, a path or bytes")
    if not os.path.exists(path) and path in (name for name, _ in _seesaw.bundled()):
        return Model(_seesaw.Model.bundled(path, threads, batch))
    os.stat(path)  # Raises the usual FileNotFoundError.
    return Model(_seesaw.Model.open(path, net, key, threads, batch))


def import_weights(
    source: PathLike, target: PathLike, *, net: str | None = None, key: str | None = None
) -> Model:
    """Reads weights of any supported kind, writes them in this package's own format, and opens them.

    `net` and `key` are as those of `load`.
    """
    load(source, net=net, key=key).save(target)
    return load(target)


def _from_bytes(data: bytes, net: str | None, key: str | None, threads: int, batch: int) -> Model:
    return Model(_seesaw.Model.from_bytes(data, net, key, threads, batch))


def _is_many(photos: Photo) -> bool:
    """Whether it is a list of photos, or an array of several."""
    return isinstance(photos, (list, tuple)) or getattr(photos, "ndim", 0) == 4
