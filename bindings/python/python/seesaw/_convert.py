"""Arguments as the compiled part takes them."""

from __future__ import annotations

import os
from typing import Any, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray

PathLike: TypeAlias = Union[str, "os.PathLike[str]"]

_MAX_THREADS = 1024


def to_threads(threads: int | None) -> int:
    """The number of threads; by default, as many as there are processors available."""
    if threads is None:
        available = getattr(os, "process_cpu_count", os.cpu_count)
        return max(1, min(available() or 1, _MAX_THREADS))
    return to_integer("threads", threads, 1, _MAX_THREADS)


def to_integer(name: str, value: Any, low: int, high: int | None) -> int:
    """`value` as an integer in the range, whose ends belong to it."""
    try:
        number = int(value.__index__())
    except AttributeError:
        raise TypeError(f"{name} is {value!r}, not an integer") from None
    if number < low or (high is not None and number > high):
        limit = f"at least {low}" if high is None else f"{low} to {high}"
        raise ValueError(f"{name} is {value}; it must be {limit}")
    return number


def to_photo(photo: Any) -> bytes | str | NDArray[np.uint8]:
    """The bytes of a file, its path, or pixels `[height, width, 3]`."""
    if isinstance(photo, (bytes, bytearray, memoryview)):
        return bytes(photo)
    if isinstance(photo, (str, os.PathLike)):
        path = os.fspath(photo)
        if not isinstance(path, str):
            raise TypeError("a path is a str or has one")
        os.stat(path)  # Raises the usual FileNotFoundError.
        return path
    if hasattr(photo, "convert") and hasattr(photo, "mode"):
        # A PIL image: palettes, gray and alpha become RGB.
        return to_pixels(np.asarray(photo.convert("RGB")))
    return to_pixels(np.asarray(photo))


def to_pixels(array: NDArray[Any]) -> NDArray[np.uint8]:
    """An array of bytes, gray or RGB, as RGB."""
    if array.dtype != np.uint8:
        raise TypeError(f"pixels of type {array.dtype}, not uint8; `model(x)` takes normalized images")
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise ValueError(f"pixels of shape {list(array.shape)}, not [height, width, 3]")
    return array


def to_tensor(images: Any) -> NDArray[np.float32]:
    """Normalized images as contiguous float32."""
    array = np.asarray(images)
    if array.dtype.kind != "f":
        raise TypeError(f"images of type {array.dtype}, not float32; `predict` takes pixels")
    if array.ndim != 4:
        raise ValueError(f"images of shape {list(array.shape)}, not [n, 3, size, size]")
    return np.ascontiguousarray(array, dtype=np.float32)
