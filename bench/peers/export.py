"""Writes a net for every engine in every variant of `nets.variants`.

    export.py NET SIZE BATCH FOLDER

makes in FOLDER: NET.safetensors (what `seesaw` reads), and for each variant a `.onnx`, a `.pt` (TorchScript) and ncnn's `.param` and `.bin`. `export_litert.py` adds `.tflite`.
"""

import subprocess
import sys
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import nets


def main():
    name, size, batch, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    folder.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    net = load(name, size, folder)
    for variant, module in nets.variants(net).items():
        path = folder / f"{name}-{variant}-{batch}"
        images = torch.zeros(batch, 3, size, size)
        torch.jit.trace(module, images).save(f"{path}.pt")
        torch.onnx.export(module, (images,), f"{path}.onnx", dynamo=True, external_data=False, verbose=False)
        if batch == 1:
            to_ncnn(path, size)


def load(name, size, folder):
    """The net with the weights of the folder, which it makes when there are none."""
    path = folder / f"{name}.safetensors"
    if not path.exists():
        weights = nets.build(name, size).state_dict()
        save_file({k: v.contiguous() for k, v in weights.items() if v.dtype == torch.float32}, path)
    net = nets.Net(name)
    net.load_state_dict(load_file(path), strict=False)
    return net.eval()


def to_ncnn(path, size):
    try:
        import pnnx
    except ImportError:
        return
    folder = path.parent / "pnnx"
    folder.mkdir(exist_ok=True)
    outputs = [f"pnnxparam={folder}/a", f"pnnxbin={folder}/b", f"pnnxpy={folder}/c", f"pnnxonnx={folder}/d"]
    outputs += [f"ncnnparam={path}.param", f"ncnnbin={path}.bin", f"ncnnpy={folder}/e"]
    command = [pnnx.EXEC_PATH, f"{path}.pt", f"inputshape=[1,3,{size},{size}]", "fp16=0"]
    subprocess.run(command + outputs, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
