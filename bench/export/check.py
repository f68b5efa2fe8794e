"""Runs exported files in other programs and compares the results with `seesaw`'s.

    check.py --seesaw ../../target/release/seesaw --models net.pth.tar net.safetensors --photos photos

See README.md for what is checked and which packages that needs.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

GROUPS = ["auto", "dense", "split"]
BATCHES = [1, 3, 64]
LIMIT = 1e-4
failures = []


def has(package, what):
    found = importlib.util.find_spec(package) is not None
    if not found:
        print(f"skipped: {what}: {package} is not installed")
    return found


def report(name, value, limit):
    print(f"{name}: {value:.2e} (limit {limit:g})", flush=True)
    if not value <= limit:
        failures.append(name)


def write_tensors(path, tensors):
    """A safetensors file of f32 arrays."""
    header, offset = {}, 0
    for name, array in tensors.items():
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(np.ascontiguousarray(array, "<f4").tobytes() for array in tensors.values())
    Path(path).write_bytes(len(text).to_bytes(8, "little") + text + data)


def read_tensors(path):
    data = Path(path).read_bytes()
    size = int.from_bytes(data[:8], "little")
    header, rest = json.loads(data[8 : 8 + size]), data[8 + size :]
    header.pop("__metadata__", None)
    part = lambda entry: np.frombuffer(rest[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
    return {name: part(entry) for name, entry in header.items()}


class Seesaw:
    def __init__(self, binary, folder):
        self.binary, self.folder = str(Path(binary).resolve()), Path(folder)

    def __call__(self, *arguments):
        command = [self.binary, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
        return done.stdout

    def logits(self, model, images, *net):
        source, target = self.folder / "input.safetensors", self.folder / "output.safetensors"
        write_tensors(source, {"input": images})
        self("infer", "--weights", model, "--input", source, "--output", target, *net)
        return read_tensors(target)["logits"]


def onnxruntime_run(path):
    import onnxruntime as ort

    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x})[0]


def openvino_run(path):
    import openvino as ov

    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(str(path), "CPU", settings)
    return lambda x: compiled([x])[0]


def engines():
    known = {"onnxruntime": onnxruntime_run, "openvino": openvino_run}
    return {name: run for name, run in known.items() if has(name, "its logits")}


def check_file(path):
    import onnx

    onnx.checker.check_model(str(path), full_check=True)


def softmax(x):
    x = np.exp(x - x.max(1, keepdims=True))
    return x / x.sum(1, keepdims=True)


def check_model(seesaw, model, net):
    """All forms of a model, in every engine, on several batches."""
    folder, runs = seesaw.folder, engines()
    reference = folder / "model.safetensors"
    seesaw("import", model, reference, *net)
    header = reference.read_bytes()
    size = int.from_bytes(header[:8], "little")
    metadata = json.loads(json.loads(header[8 : 8 + size])["__metadata__"]["seesaw"])
    prepare = metadata["preprocess"]
    side = prepare["crop"]
    random = np.random.default_rng(1)
    mean, std = (np.float32(prepare[k]).reshape(1, 3, 1, 1) for k in ("mean", "std"))
    pixels = random.random((max(BATCHES), 3, side, side), np.float32)
    images = (pixels - mean) / std
    logits = seesaw.logits(reference, images)
    scale = max(1.0, float(np.abs(logits).max()))
    name = Path(model).name
    for groups in GROUPS:
        for kind in ["tensor", "pixels"]:
            for extra in [[], ["--half"], ["--softmax"]]:
                path = folder / "net.onnx"
                seesaw("export", reference, path, "--groups", groups, "--input", kind, *extra)
                if importlib.util.find_spec("onnx"):
                    check_file(path)
                expected = softmax(logits) if "--softmax" in extra else logits
                limit = (0.02 if "--half" in extra else LIMIT) * scale
                for engine, open_file in runs.items():
                    run = open_file(path)
                    worst = 0.0
                    for batch in BATCHES:
                        found = run((images if kind == "tensor" else pixels)[:batch])
                        worst = max(worst, float(np.abs(found - expected[:batch]).max()))
                    report(f"{name} {groups} {kind} {' '.join(extra)} {engine}", worst, limit)
        check_golden(model, reference, groups, seesaw, runs)
        seesaw("export", reference, folder / "net.onnx", "--groups", groups, "--input", "photo")
        if has("onnx", "onnx.checker"):
            check_file(folder / "net.onnx")
    back = seesaw.logits(folder / "net.onnx", images[:3])
    report(f"{name} read back", float(np.abs(back - logits[:3]).max()), LIMIT * scale)
    if has("torch", "the code and the state dict"):
        found = torch_logits(seesaw, reference, images[:3])
        report(f"{name} in PyTorch", float(np.abs(found - logits[:3]).max()), LIMIT * scale)


def check_golden(model, reference, groups, seesaw, runs):
    """PyTorch's own logits, where a file beside the model has them: NAME.io.safetensors for NAME.pth.tar."""
    golden = Path(str(model).removesuffix(".tar").removesuffix(".pth") + ".io.safetensors")
    if not golden.exists():
        return
    tensors, path = read_tensors(golden), seesaw.folder / "net.onnx"
    images, logits = tensors["input"], tensors["logits"]
    side = str(images.shape[2])
    seesaw("export", reference, path, "--groups", groups, "--crop", side)
    scale = max(1.0, float(np.abs(logits).max()))
    for engine, open_file in runs.items():
        worst = float(np.abs(open_file(path)(images) - logits).max())
        report(f"{golden.name} {groups} {engine} and PyTorch", worst, LIMIT * scale)


def module(path):
    spec = importlib.util.spec_from_file_location("exported_net", path)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules["exported_net"] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def torch_logits(seesaw, model, images):
    import torch

    code, weights = seesaw.folder / "net.py", seesaw.folder / "net.pth"
    seesaw("export", model, code)
    seesaw("export", model, weights)
    net = module(code).Net()
    net.load_state_dict(torch.load(weights, weights_only=True))
    with torch.inference_mode():
        return net.eval()(torch.from_numpy(images)).numpy()


def check_photos(seesaw, photos):
    """Bundled and other weights on photos of any size."""
    from PIL import Image, ImageOps

    for weights in ["efficientnet-lite0-imagenet", "seesaw-shuffle-0.5d-imagenet"]:
        path = seesaw.folder / "photo.onnx"
        seesaw("export", weights, path, "--input", "photo", "--softmax")
        run = onnxruntime_run(path)
        # Class names are not unique in ImageNet: indices are.
        labels = seesaw.folder / "labels.txt"
        labels.write_text("".join(f"{index}\n" for index in range(1000)))
        lines = seesaw("predict", "--weights", weights, "--labels", labels, "--top", 1000, "--json", photos)
        answers = [json.loads(line) for line in lines.splitlines()]
        agreed, distances = 0, []
        for answer in answers:
            photo = ImageOps.exif_transpose(Image.open(answer["path"])).convert("RGB")
            found = run(np.asarray(photo))[0]
            ours = np.zeros(1000, np.float32)
            for entry in answer["top"]:
                ours[int(entry["class"])] = entry["probability"]
            best = ours.argmax()
            agreed += int(found.argmax() == best)
            distances.append(abs(float(found[best] - ours[best])))
        print(f"{weights}: {agreed} of {len(answers)} photos have the same top-1")
        if agreed < len(answers) - 1:
            failures.append(f"{weights} photos")
        report(f"{weights}: mean distance of top-1 probabilities", float(np.mean(distances)), 0.01)


def generated_images(folder):
    """Three classes of noise, each with its own channel brighter."""
    from PIL import Image

    random = np.random.default_rng(2)
    for kind in range(3):
        target = folder / f"class-{kind}"
        target.mkdir(parents=True)
        for index in range(80):
            image = random.integers(0, 120, (32, 32, 3), np.uint8)
            image[:, :, kind] += 100
            Image.fromarray(image).save(target / f"{index}.png")
    return folder


def check_training(seesaw, data):
    """The exported code on `data` or on generated images, and its checkpoint read by us."""
    import torch

    folder = seesaw.folder
    data = data or generated_images(folder / "images")
    code, out = folder / "train_net.py", folder / "run"
    seesaw("export", "seesaw-shuffle-0.5d-cifar", code)
    command = [sys.executable, code, "--data", data, "--out", out, "--batch", "16", "--workers", "0", "--device", "cpu"]
    for extra in [["--steps", "50"], ["--steps", "60", "--resume"]]:
        subprocess.run([*map(str, command), *extra], check=True)
    imported = folder / "trained.safetensors"
    seesaw("import", out / "last.pth", imported, "--net", out / "net.toml", "--labels", out / "classes.txt")
    exported = module(code)
    net = exported.Net(len((out / "classes.txt").read_text().splitlines()))
    net.load_state_dict(torch.load(out / "last.pth", weights_only=True)["state_dict"])
    images = np.random.default_rng(3).standard_normal((4, 3, 32, 32), np.float32)
    with torch.inference_mode():
        expected = net.eval()(torch.from_numpy(images)).numpy()
    found = seesaw.logits(imported, images)
    report("a trained checkpoint, imported", float(np.abs(found - expected).max()), LIMIT)


def check_timm(seesaw):
    import timm
    import timm.data
    import timm.optim
    import torch

    code = seesaw.folder / "net.py"
    seesaw("export", "seesaw-shuffle-1.0d-imagenet", code)
    module(code)
    net = timm.create_model("seesaw_shuffle_1_0d", num_classes=5)
    config = timm.data.resolve_model_data_config(net)
    assert config["input_size"] == (3, 224, 224), config
    optimizer = timm.optim.create_optimizer_v2(net, opt="sgd", lr=0.01)
    loss = torch.nn.functional.cross_entropy(net(torch.randn(2, 3, 64, 64)), torch.tensor([0, 4]))
    loss.backward()
    optimizer.step()
    print(f"timm: a step with loss {loss.item():.3f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seesaw", required=True)
    parser.add_argument("--models", nargs="*", default=[], help="files, or FILE=NET where the net is not recognized")
    parser.add_argument("--photos", help="folder of photos of any size")
    parser.add_argument("--train", type=Path, help="32-pixel images in a folder for each class; default: generated ones")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seesaw = Seesaw(args.seesaw, folder)
        for model in args.models:
            path, _, net = model.partition("=")
            check_model(seesaw, path, ["--net", net] if net else [])
        if args.photos and has("onnxruntime", "photos"):
            check_photos(seesaw, args.photos)
        if has("torchvision", "training"):
            check_training(seesaw, args.train)
        if has("timm", "timm"):
            check_timm(seesaw)
    print(f"{len(failures)} failures", *failures, sep="\n  ")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
