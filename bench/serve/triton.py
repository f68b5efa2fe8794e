"""Triton's own HTTP client against `seesaw serve`: triton.py ADDRESS MODEL PHOTO PREDICTED

PREDICTED is what `seesaw predict --json --top 1000000` printed of PHOTO.
"""

import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException


def main(address, model, photo_path, predicted_path):
    client = triton.InferenceServerClient(address)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(model)
    assert not client.is_model_ready("no-such-model")
    server = client.get_server_metadata()
    assert server["name"] == "seesaw" and "binary_tensor_data" in server["extensions"], server
    metadata = client.get_model_metadata(model)
    _, _, side, _ = metadata["inputs"][0]["shape"]
    classes = metadata["outputs"][0]["shape"][1]

    check_images(client, model, [2, 3, side, side], classes)
    with open(photo_path, "rb") as file:
        photo = file.read()
    with open(predicted_path, encoding="utf-8") as file:
        check_photos(client, model, photo, json.loads(file.readline())["top"])
    check_errors(client, model, side)
    client.close()
    print(f"tritonclient: {model} answers as it should")


def check_images(client, model, shape, classes):
    """FP32 in binary and in JSON, both ways, gives the same numbers."""
    images = np.random.default_rng(1).standard_normal(shape, dtype=np.float32)
    results = []
    for binary_input in (True, False):
        tensor = triton.InferInput("images", shape, "FP32")
        tensor.set_data_from_numpy(images, binary_data=binary_input)
        # Without named outputs, the client asks for all of them in binary.
        results.append(client.infer(model, [tensor], request_id="mine"))
        for binary_output in (True, False):
            outputs = [
                triton.InferRequestedOutput(name, binary_data=binary_output)
                for name in ("logits", "probabilities")
            ]
            results.append(client.infer(model, [tensor], outputs=outputs))
    first = results[0]
    assert first.get_response()["id"] == "mine"
    assert first.as_numpy("logits").shape == (2, classes)
    for name in ("logits", "probabilities"):
        for result in results:
            np.testing.assert_array_equal(result.as_numpy(name), first.as_numpy(name))
    np.testing.assert_allclose(first.as_numpy("probabilities").sum(axis=1), 1, rtol=1e-5)
    asynchronous = client.async_infer(model, [tensor]).get_result()
    np.testing.assert_array_equal(asynchronous.as_numpy("logits"), first.as_numpy("logits"))


def check_photos(client, model, photo, predicted):
    """Encoded photos as BYTES give the classes of the command."""
    tensor = triton.InferInput("photos", [2], "BYTES")
    tensor.set_data_from_numpy(np.array([photo, photo], dtype=object))
    outputs = [triton.InferRequestedOutput("probabilities", class_count=3)]
    texts = client.infer(model, [tensor], outputs=outputs).as_numpy("probabilities")
    assert texts.shape == (2, 3), texts
    for row in texts:
        for text, expected in zip(row, predicted):
            value, _, name = text.decode().split(":", 2)
            assert name == expected["class"], (text, expected)
            assert abs(float(value) - expected["probability"]) < 1e-6, (text, expected)


def check_errors(client, model, side):
    """Errors are the client's exceptions, with the service's message."""
    tensor = triton.InferInput("images", [1, 3, side, side], "FP32")
    tensor.set_data_from_numpy(np.zeros([1, 3, side, side], dtype=np.float32))
    for wrong, part, options in (
        ("no-such-model", "no model", {}),
        (model, "Content-Encoding", {"request_compression_algorithm": "gzip"}),
    ):
        try:
            client.infer(wrong, [tensor], **options)
        except InferenceServerException as error:
            assert part in error.message(), error
        else:
            raise AssertionError(f"{part} is no error")


if __name__ == "__main__":
    main(*sys.argv[1:])
