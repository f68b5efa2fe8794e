from __future__ import annotations

import io
import json
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import CIFAR, PHOTOS, paint, write_ppm

import seesaw


@pytest.fixture(scope="module")
def model() -> seesaw.Model:
    return seesaw.load()


@pytest.fixture(scope="module")
def small() -> seesaw.Model:
    return seesaw.load(CIFAR, threads=1)


def test_probabilities_are_those_of_the_command(model, command):
    lines = command("predict", "--json", "--top", 1000, *PHOTOS).splitlines()
    answers = model.predict(PHOTOS, top=1000)
    assert len(lines) == len(answers) == 6
    for line, answer in zip(lines, answers):
        expected = [(entry["class"], entry["probability"]) for entry in json.loads(line)["top"]]
        assert [(entry.label, entry.probability) for entry in answer] == expected


def test_logits_are_those_of_the_command(small, command, tmp_path):
    images = np.random.default_rng(1).standard_normal((5, 3, 32, 32), np.float32)
    source, target = tmp_path / "in.safetensors", tmp_path / "out.safetensors"
    source.write_bytes(tensors("input", images))
    command("infer", "--weights", CIFAR, "--input", source, "--output", target)
    data = target.read_bytes()
    length = int.from_bytes(data[:8], "little")
    expected = np.frombuffer(data[8 + length :], "<f4").reshape(5, 10)
    assert (small(images) == expected).all()
    assert (seesaw.load(CIFAR, threads=2, batch=2)(images) == expected).all()


def tensors(name: str, array: np.ndarray) -> bytes:
    header = {name: {"dtype": "F32", "shape": array.shape, "data_offsets": [0, array.nbytes]}}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + array.tobytes()


def test_a_photo_may_be_many_things(small, tmp_path):
    image = paint(1, 2)
    path = write_ppm(tmp_path / "a.ppm", image)
    expected = small.predict_proba(image)
    assert expected.shape == (10,) and np.isclose(expected.sum(), 1)
    flipped = np.ascontiguousarray(image[:, ::-1])[:, ::-1]
    assert flipped.strides[1] < 0
    for photo in [path, str(path), path.read_bytes(), bytearray(path.read_bytes()), flipped, image.tolist()]:
        if isinstance(photo, list):
            photo = np.array(photo, np.uint8)
        assert (small.predict_proba(photo) == expected).all()
    for many in [[path, image], (image, image), np.stack([image, image])]:
        assert (small.predict_proba(many) == np.stack([expected, expected])).all()
    assert small.predict_proba([]).shape == (0, 10)
    assert small.predict([]) == []


def test_pil_images_are_converted(small):
    image_module = pytest.importorskip("PIL.Image")
    image = paint(0, 1)
    photo = image_module.fromarray(image)
    assert (small.predict_proba(photo) == small.predict_proba(image)).all()
    gray = photo.convert("L")
    assert (small.predict_proba(gray) == small.predict_proba(np.asarray(gray))).all()
    assert small.predict_proba(photo.convert("P")).shape == (10,)


def test_features_preprocessing_and_explanations_agree(model):
    inputs = model.preprocess(PHOTOS[:2])
    assert inputs.shape == (2, 3, 224, 224) and inputs.dtype == np.float32
    assert (model.features(PHOTOS[:2]) == model.tensor_features(inputs)).all()
    assert model.features(PHOTOS[0]).shape == (model.feature_count,)
    explanation = model.explain(PHOTOS[0])
    assert explanation.seen.shape == (224, 224, 3)
    logits = model(model.preprocess(PHOTOS[:1]))[0]
    np.testing.assert_allclose(explanation.maps.mean((1, 2)), logits, atol=1e-4)
    assert explanation.maps.mean((1, 2)).argmax() == model.predict(PHOTOS[0])[0].class_index


def test_models_survive_pickling_saving_and_bytes(small, tmp_path):
    images = np.random.default_rng(3).standard_normal((2, 3, 32, 32), np.float32)
    small.save(tmp_path / "a.safetensors")
    for other in [
        pickle.loads(pickle.dumps(small)),
        seesaw.load(tmp_path / "a.safetensors"),
        seesaw.load((tmp_path / "a.safetensors").read_bytes()),
        seesaw.import_weights(CIFAR, tmp_path / "b.safetensors"),
    ]:
        assert (other(images) == small(images)).all()
        assert other.labels == small.labels
        assert other.preprocessing == small.preprocessing


def test_exports_are_written(small, tmp_path):
    for name, start in [("a.onnx", b"\x08"), ("a.pth", b"PK"), ("a.py", b'"""')]:
        small.export(tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start), name
    small.export(tmp_path / "b.onnx", input="photo", softmax=True, half=True)
    images = np.random.default_rng(3).standard_normal((2, 3, 32, 32), np.float32)
    np.testing.assert_allclose(seesaw.load(tmp_path / "a.onnx")(images), small(images), atol=1e-4)
    with pytest.raises(ValueError, match="choose .onnx, .pth, .py or .safetensors"):
        small.export(tmp_path / "a.tflite")
    with pytest.raises(ValueError, match="choose one of auto, dense, split"):
        small.export(tmp_path / "a.onnx", groups="some")  # type: ignore[arg-type]
    with pytest.raises(seesaw.ModelError, match="no/folder"):
        small.export(tmp_path / "no/folder/a.onnx")


def test_threads_may_share_a_model(small):
    images = np.random.default_rng(3).standard_normal((1, 3, 32, 32), np.float32)
    expected = small(images)
    wrong = []

    def work():
        for _ in range(30):
            if not (small(images) == expected).all():
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_files_that_are_not_there_or_wrong(small, tmp_path):
    for call in [seesaw.load, small.predict, small.explain, small.features]:
        with pytest.raises(FileNotFoundError):
            call(tmp_path / "nothing.jpg")
    text = tmp_path / "text.jpg"
    text.write_text("no photo")
    with pytest.raises(seesaw.PhotoError, match="text.jpg: not an image"):
        small.predict(text)
    with pytest.raises(seesaw.PhotoError, match="text.jpg"):
        small.predict([paint(0, 0), text])
    with pytest.raises(seesaw.ModelError, match="text.jpg"):
        seesaw.load(text)
    with pytest.raises(seesaw.ModelError):
        seesaw.load(CIFAR.read_bytes()[:1000])
    with pytest.raises(FileNotFoundError):
        seesaw.load("seesaw-shuffle-9.9d-imagenet")


def test_a_file_deleted_after_loading_is_an_error_only_where_it_is_needed(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(CIFAR.read_bytes())
    model = seesaw.load(path)
    path.unlink()
    assert model.predict_proba(paint(0, 0)).shape == (10,)
    with pytest.raises(seesaw.ModelError, match="model.safetensors"):
        model.save(tmp_path / "copy.safetensors")


ARGUMENTS = [
    (lambda m: m(np.zeros((1, 3, 32, 31), np.float32)), ValueError),
    (lambda m: m(np.zeros((3, 32, 32), np.float32)), ValueError),
    (lambda m: m(np.zeros((1, 3, 32, 32), np.uint8)), TypeError),
    (lambda m: m(np.zeros((1, 3, 32, 32), complex)), TypeError),
    (lambda m: m("text"), TypeError),
    (lambda m: m(None), TypeError),
    (lambda m: m.predict(np.zeros((0, 5, 3), np.uint8)), ValueError),
    (lambda m: m.predict(np.zeros((5, 5, 4), np.uint8)), ValueError),
    (lambda m: m.predict(np.zeros((5, 5, 3), np.float32)), TypeError),
    (lambda m: m.predict(np.zeros((1, 1, 1, 1, 3), np.uint8)), ValueError),
    (lambda m: m.predict(None), TypeError),
    (lambda m: m.predict(7), TypeError),
    (lambda m: m.predict([[1, 2], [3]]), (TypeError, ValueError)),
    (lambda m: m.predict(b""), seesaw.PhotoError),
    (lambda m: m.predict(paint(0, 0), top=0), ValueError),
    (lambda m: m.predict(paint(0, 0), top=1.5), TypeError),
    (lambda m: seesaw.load(threads=0), ValueError),
    (lambda m: seesaw.load(threads=5000), ValueError),
    (lambda m: seesaw.load(batch=0), ValueError),
    (lambda m: seesaw.load(batch=10**30), ValueError),
    (lambda m: seesaw.load(3), TypeError),
    (lambda m: m.save("model.bin"), ValueError),
]


@pytest.mark.parametrize("case", range(len(ARGUMENTS)))
def test_wrong_arguments_are_exceptions(small, case):
    call, kind = ARGUMENTS[case]
    with pytest.raises(kind):
        call(small)


def test_not_numbers_and_extreme_shapes_do_no_harm(small):
    for value in [np.nan, np.inf, -np.inf, 3e38, 1e-45]:
        assert small(np.full((1, 3, 32, 32), value, np.float32)).shape == (1, 10)
    for shape in [(1, 1, 3), (1, 3000, 3), (3000, 1, 3), (2, 7, 3)]:
        assert small.predict_proba(np.zeros(shape, np.uint8)).shape == (10,)
    # Strides of zero: 400 megapixels that take three bytes, more than a photo may have.
    huge = np.broadcast_to(np.zeros(3, np.uint8), (3, 4, 3))
    assert small.predict_proba(huge).shape == (10,)
    random = np.random.default_rng(7)
    for _ in range(200):
        photo = random.bytes(int(random.integers(1, 500)))
        with pytest.raises(seesaw.PhotoError):
            small.predict(photo)


def test_damaged_photos_are_errors_or_photos(small):
    data = bytearray(PHOTOS[0].read_bytes())
    random = np.random.default_rng(8)
    for _ in range(40):
        broken = bytearray(data)
        for place in random.integers(0, len(data), 30):
            broken[place] = random.integers(256)
        try:
            assert len(small.predict(bytes(broken))) == 5
        except seesaw.PhotoError as error:
            assert str(error)


def test_pixels_may_be_written_to_while_they_are_classified(small):
    image = paint(0, 0, 300)
    stop = threading.Event()

    def scribble():
        while not stop.is_set():
            image[:] += 1

    thread = threading.Thread(target=scribble)
    thread.start()
    for _ in range(20):
        assert np.isfinite(small.predict_proba(image)).all()
    stop.set()
    thread.join()


def test_the_zoo_lists_nets_and_weights():
    nets, weights = seesaw.zoo()
    assert len(nets) == 19
    assert (nets[0].name, nets[0].parameters, nets[0].madds) == ("seesaw-shuffle-0.5d-imagenet", 2728024, 209265792)
    for entry in weights:
        assert len(seesaw.load(entry.name).labels) == 1000


def test_representation(small):
    assert repr(small) == "<seesaw.Model seesaw-shuffle-0.5d-cifar, 10 classes, 32 px>"
    assert small.labels[0] == "airplane" and small.notes == []
