from __future__ import annotations

import pickle

import numpy as np
import pytest
from conftest import CIFAR, paint, write_ppm

pytest.importorskip("sklearn")
from sklearn.base import clone  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.model_selection import cross_val_score  # noqa: E402
from sklearn.utils.estimator_checks import (  # noqa: E402
    check_get_params_invariance,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
)

from seesaw.sklearn import PhotoClassifier  # noqa: E402

OPTIONS = {"init": str(CIFAR), "settings": {"batch": 8}, "epochs": 3, "random_state": 1}
LABELS = np.array(["red", "green", "blue"])


def data(count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    images = np.stack([paint(kind, index) for kind in range(3) for index in range(count)])
    return images, np.repeat(LABELS, count)


@pytest.fixture(scope="module")
def fitted() -> PhotoClassifier:
    return PhotoClassifier(**OPTIONS).fit(*data())


def test_it_learns_colors(fitted):
    images, labels = data(16)
    assert fitted.classes_.tolist() == ["blue", "green", "red"]
    assert fitted.score(images, labels) > 0.9
    rows = fitted.predict_proba(images)
    assert rows.shape == (48, 3) and np.allclose(rows.sum(1), 1)
    assert (fitted.predict(images) == fitted.classes_[rows.argmax(1)]).all()
    assert fitted.transform(images).shape == (48, 1280)
    assert len(fitted.log_["epoch"]) == 3


def test_paths_lists_and_arrays_are_the_same(fitted, tmp_path):
    images, labels = data()
    paths = [write_ppm(tmp_path / f"{index}.ppm", image) for index, image in enumerate(images)]
    other = PhotoClassifier(**OPTIONS).fit(paths, labels)
    assert (other.predict_proba(list(images)) == fitted.predict_proba(paths)).all()


def test_classes_of_any_type_and_number_keep_their_order():
    images, _ = data()
    numbers = np.repeat([1000, -3, 70], 12)
    fitted = PhotoClassifier(**(OPTIONS | {"epochs": 1})).fit(images, numbers)
    assert fitted.classes_.tolist() == [-3, 70, 1000]
    assert set(fitted.predict(images)) <= {-3, 70, 1000}


def test_cloning_pickling_and_cross_validation(fitted):
    images, labels = data()
    other = clone(fitted)
    assert other.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        other.predict(images)
    copy = pickle.loads(pickle.dumps(fitted))
    assert (copy.predict_proba(images) == fitted.predict_proba(images)).all()
    assert len(cross_val_score(PhotoClassifier(**OPTIONS), images, labels, cv=2)) == 2


def test_the_checks_of_scikit_learn_that_apply():
    # The others fit tables of numbers, which are no photos.
    check_parameters_default_constructible("PhotoClassifier", PhotoClassifier())
    for check in [check_get_params_invariance, check_set_params, check_no_attributes_set_in_init]:
        check("PhotoClassifier", PhotoClassifier())


def test_wrong_data_are_errors():
    images, labels = data(2)
    for x, y, message in [
        (images, labels[:-1], "6 photos"),
        ([], [], "no photos"),
        (images, ["same"] * 6, "one class"),
        (images[..., 0], labels, None),
    ]:
        if message:
            with pytest.raises(ValueError, match=message):
                PhotoClassifier().fit(x, y)
    with pytest.raises(TypeError):
        PhotoClassifier().fit(images.astype(float), labels)
