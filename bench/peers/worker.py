"""One engine in a process of its own, timed on request.

    worker.py ENGINE MODEL INPUT OUTPUT BATCH SIZE THREADS WAY

INPUT and OUTPUT are raw little-endian float32: images [BATCH, 3, SIZE, SIZE], read once; logits,
written once. Then the worker prints `ready VERSION` and answers each line `run N` with the
milliseconds of N runs. The Rust program in `rust/` speaks the same.

WAY says how a batch is run: `whole` at once, `each` image after the other on all threads, or
`split`: as many images at a time as there are threads, each on one.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version

import numpy as np


def onnxruntime(model, batch, threads):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x})[0]


def openvino(model, batch, threads, precision="f32"):
    import openvino as ov

    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": precision,
        "ENABLE_CPU_PINNING": False,  # Two workers of one thread must not share a core.
    }
    request = ov.compile_model(model, "CPU", settings).create_infer_request()
    return lambda x: request.infer({0: x}, share_inputs=True)[0]


def ncnn(model, batch, threads):
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_vulkan_compute = False
    for name in ["use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic"]:
        setattr(net.opt, name, False)
    for name in ["use_bf16_packed", "use_bf16_storage"]:
        setattr(net.opt, name, False)
    if net.load_param(model + ".param") or net.load_model(model + ".bin"):
        raise OSError(f"ncnn cannot load {model}")

    def run(x):
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(x[0]))
        return np.array(extractor.extract("out0")[1])[None]

    return run


def litert(model, batch, threads):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model, num_threads=threads)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]

    def run(x):
        interpreter.set_tensor(source, x)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return run


def torch(model, batch, threads):
    import torch

    torch.set_num_threads(threads)
    net = torch.jit.freeze(torch.jit.load(model).eval())

    def run(x):
        with torch.inference_mode():
            return net(torch.from_numpy(x)).numpy()

    return run


ENGINES = {
    "onnxruntime": (onnxruntime, "onnxruntime"),
    "openvino": (openvino, "openvino"),
    "openvino-bf16": (partial(openvino, precision="bf16"), "openvino"),
    "ncnn": (ncnn, "ncnn"),
    "litert": (litert, "ai-edge-litert"),
    "torch": (torch, "torch"),
}


def runner(open_engine, model, batch, threads, way):
    """A function from a batch of images to logits."""
    if way == "whole":
        return open_engine(model, batch, threads)
    if way == "each":
        run = open_engine(model, 1, threads)
        return lambda images: np.concatenate([run(image) for image in np.split(images, batch)])
    runs = [open_engine(model, 1, 1) for _ in range(threads)]
    pool = ThreadPoolExecutor(threads)

    def share(index, images):
        return [runs[index](image) for image in np.split(images, len(images))]

    def split(images):
        shares = pool.map(share, range(threads), np.array_split(images, threads))
        return np.concatenate([logits for share in shares for logits in share])

    return split


def main():
    engine, model, source, target, *numbers, way = sys.argv[1:]
    batch, size, threads = map(int, numbers)
    images = np.fromfile(source, np.float32).reshape(batch, 3, size, size)
    if engine == "litert":  # Its models take channels last, as XNNPACK does.
        images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    open_engine, package = ENGINES[engine]
    run = runner(open_engine, model, batch, threads, way)
    np.ascontiguousarray(run(images), dtype=np.float32).tofile(target)
    print("ready", version(package), flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line.removeprefix("run "))):
            start = time.perf_counter()
            run(images)
            times.append(1e3 * (time.perf_counter() - start))
        print(*(f"{ms:.4f}" for ms in times), flush=True)


if __name__ == "__main__":
    main()
