"""Times `seesaw` and other engines alternately and writes the result: see README.md."""

import argparse
import datetime
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

import export
import nets
import report

HERE = Path(__file__).resolve().parent
# Net, side of the images, threads, batch.
CASES = [
    ("seesaw-shuffle-1.0d-imagenet", 224, 1, 1),
    ("seesaw-shuffle-0.5d-imagenet", 224, 1, 1),
    ("seesaw-share-v1-1.0d-imagenet", 224, 1, 1),
    ("seesaw-shuffle-1.0d-imagenet", 224, 2, 1),
    ("seesaw-shuffle-1.0d-imagenet", 224, 2, 8),
    ("mobilenetv2-1.0-imagenet", 224, 1, 1),
    ("seesaw-shuffle-1.0d-cifar", 32, 1, 1),
]
SUFFIXES = {"onnxruntime": ".onnx", "openvino": ".onnx", "ncnn": "", "litert": ".tflite", "torch": ".pt"}
RUST = {"tract": ".onnx", "rten": ".onnx"}
# Logits are of order 1 (`nets.build`); float32 in another order of sums moves them by some 1e-5,
# and bf16's eight bits by some 1e-2.
TOLERANCE = 2e-3
BF16_TOLERANCE = 0.1

TICKS_PER_MS = os.sysconf("SC_CLK_TCK") / 1000
# A turn is long enough to see what else runs in the kernel's ticks.
MIN_TURN_MS = 150
REPEATS = 3


@dataclass
class Worker:
    """One engine, variant and way in a process that is stopped between its turns."""

    engine: str
    variant: str
    way: str
    threads: int
    process: subprocess.Popen
    times: list = field(default_factory=list)
    version: str = ""
    disturbed: int = 0  # Turns that something else disturbed to the end.

    def signal(self, number):
        os.killpg(self.process.pid, number)

    def run(self, runs):
        self.process.stdin.write(f"run {runs}\n")
        self.process.stdin.flush()
        return [float(ms) for ms in self.process.stdout.readline().split()]

    def turn(self, runs):
        """Its share of a round; the first runs after a stop find cold caches and do not count.

        Where anything else takes more than a twentieth of the turn from the threads' processors, the
        turn is repeated a few times.
        """
        self.signal(signal.SIGCONT)
        first = self.run(2)[-1]
        runs = max(runs, round(MIN_TURN_MS / first))
        for _ in range(REPEATS):
            before = processor_ticks() - self.ticks()
            times = self.run(runs)
            others = (processor_ticks() - self.ticks() - before) / TICKS_PER_MS
            spare = max(os.cpu_count() - self.threads, 0)
            disturbed = others > (0.05 + spare) * sum(times) + 10
            if not disturbed:
                break
        self.disturbed += disturbed
        self.times += times
        self.signal(signal.SIGSTOP)

    def ticks(self):
        """Processor time that the process has had so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # So that no stopped worker is left.
    result = report.load(args.output)
    result["machine"] = machine()
    result["avx2_only"] = bool(args.avx2)
    for number in args.cases:
        name, size, threads, batch = CASES[number]
        print(f"{name}, {size} px, {threads} threads, batch {batch}", file=sys.stderr)
        case = measure(args, name, size, threads, batch)
        result["cases"] = [c for c in result["cases"] if c["number"] != number]
        result["cases"].append({"number": number, **case})
        report.save(args.output, result)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, nargs="*", default=range(len(CASES)), help="numbers from 0; default: all")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--runs", type=int, default=5, help="timed runs of an engine in a round, at the least")
    parser.add_argument("--models", type=Path, default=HERE / "models", help="where exported nets are kept")
    parser.add_argument("--rust", type=Path, default=HERE / "rust/target/release/seesaw-peers")
    parser.add_argument("--litert-python", help="Python with LiteRT and its converter, where apart")
    parser.add_argument("--engines", nargs="*", help="only these, and seesaw")
    parser.add_argument("--avx2", type=Path, help="folder of `hide_avx512.py`: all engines on AVX2")
    parser.add_argument("--output", type=Path, help="JSON file; the Markdown goes next to it")
    args = parser.parse_args()
    name = f"{datetime.date.today().isoformat()}-{report.slug(cpu())}{'-avx2' if args.avx2 else ''}.json"
    args.output = args.output or HERE.parent / "results" / name
    return args


def measure(args, name, size, threads, batch):
    source, expected = reference(args, name, size, batch)
    missing, workers = {}, []
    try:
        for engine, variant, way, command, env in commands(args, name, size, threads, batch):
            try:
                workers.append(start(args, engine, variant, way, threads, command, env, source, expected))
            except (RuntimeError, OSError) as error:
                missing[f"{engine}, {variant}, {way}"] = str(error)
                print(f"  left out: {engine}, {variant}, {way}: {error}", file=sys.stderr)
                if engine.startswith("seesaw"):
                    raise SystemExit("without seesaw there is nothing to compare") from error
        for index in range(args.rounds):
            # Each round begins with another engine, so that none always follows the same one.
            shift = index % len(workers)
            for worker in workers[shift:] + workers[:shift]:
                worker.turn(args.runs)
    finally:
        for worker in workers:
            worker.signal(signal.SIGKILL)
    rows = [row(worker) for worker in workers]
    return {
        "net": name,
        "size": size,
        "threads": threads,
        "batch": batch,
        "runs": min(len(worker.times) for worker in workers),
        "madds": madds(args, name) * batch,
        "rows": rows,
        "missing": missing,
    }


def reference(args, name, size, batch):
    """The file of images, and PyTorch's logits for them."""
    for number, python in [(1, sys.executable), (2, args.litert_python or sys.executable)]:
        script = "export.py" if number == 1 else "export_litert.py"
        suffix = ".onnx" if number == 1 else ".tflite"
        for count in {1, batch}:
            if not (args.models / f"{name}-folded-{count}{suffix}").exists():
                command = [python, HERE / script, name, str(size), str(count), args.models]
                subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    torch.manual_seed(1)
    images = nets.images(batch + 1, size)
    with torch.no_grad():
        logits = export.load(name, size, args.models)(images).numpy()
    # A check that every net would pass checks nothing: other images must give other logits.
    spread = np.abs(logits[0] - logits[-1]).max()
    if spread < 100 * TOLERANCE:
        raise SystemExit(f"{name}: logits of two images differ by only {spread}")
    source = args.models / "input.f32"
    images[:batch].numpy().tofile(source)
    return source, logits[:batch]


def commands(args, name, size, threads, batch):
    """Engine, variant, way, command and environment of every worker."""
    numbers = [str(n) for n in (batch, size, threads)]
    for isa in report.ISAS[: 1 if args.avx2 or not has("avx512f") else None]:
        weights = args.models / f"{name}.safetensors"
        env = {"SEESAW_ISA": isa}
        yield f"seesaw {isa}", "whole", "whole", [args.rust, "seesaw", weights, "{in}", "{out}", *numbers], env
    wanted = lambda engine: not args.engines or engine in args.engines
    for variant in nets.variant_names(name):
        for engine, suffix in RUST.items():
            # tract has one thread; the slowest need not run a batch; nobody hides AVX-512 from these.
            if wanted(engine) and batch == 1 and not args.avx2 and not (engine == "tract" and threads > 1):
                model = args.models / f"{name}-{variant}-{batch}{suffix}"
                yield engine, variant, "whole", [args.rust, engine, model, "{in}", "{out}", *numbers], {}
        # Elsewhere OpenVINO computes in f32 whatever it is told.
        bf16 = {report.BF16: ".onnx"} if has("avx512_bf16", "amx_bf16") and not args.avx2 else {}
        for engine, suffix in (SUFFIXES | bf16).items():
            if not wanted(engine):
                continue
            ways = ["whole"] if batch == 1 or engine == "torch" else ["whole", "each", "split"]
            for way in ways:
                if engine == "ncnn" and batch > 1 and way == "whole":
                    continue  # ncnn has no batches.
                model = args.models / f"{name}-{variant}-{batch if way == 'whole' else 1}{suffix}"
                python = args.litert_python or sys.executable if engine == "litert" else sys.executable
                command = [python, HERE / "worker.py", engine, model, "{in}", "{out}", *numbers, way]
                yield engine, variant, way, command, hidden(args.avx2)


def hidden(folder):
    """What makes the engines of Python use AVX2 at most."""
    if not folder:
        return {}
    return {"PYTHONPATH": str(folder.resolve()), "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def start(args, engine, variant, way, threads, command, env, source, expected):
    target = args.models / "output.f32"
    target.unlink(missing_ok=True)
    files = {"{in}": source, "{out}": target}
    command = [str(files.get(part, part)) for part in command]
    log = tempfile.TemporaryFile("w+")
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=os.environ | env,
        start_new_session=True,  # A group of its own, so that all its threads stop together.
    )
    worker = Worker(engine, variant, way, threads, process)
    line = ""
    while not line.startswith("ready"):  # Some engines greet on standard output.
        line = process.stdout.readline()
        if not line:
            log.seek(0)
            lines = log.read().strip().splitlines() or ["it ended without a word"]
            raise RuntimeError(lines[-1][:200])
    worker.version = line.removeprefix("ready").strip()
    worker.signal(signal.SIGSTOP)
    logits = np.fromfile(target, np.float32).reshape(expected.shape)
    error = np.abs(logits - expected).max()
    if not error < (BF16_TOLERANCE if engine == report.BF16 else TOLERANCE):
        worker.signal(signal.SIGKILL)
        raise RuntimeError(f"its logits differ from PyTorch's by {error:.3g}")
    print(f"  {engine}, {variant}, {way}: within {error:.1g} of PyTorch", file=sys.stderr)
    return worker


def row(worker):
    return {
        "engine": worker.engine,
        "variant": worker.variant,
        "way": worker.way,
        "version": worker.version,
        "median_ms": round(statistics.median(worker.times), 3),
        "min_ms": round(min(worker.times), 3),
        "disturbed_turns": worker.disturbed,
        "times_ms": worker.times,
    }


def madds(args, name):
    """Multiply-adds of an image, as PyTorch's layers count them."""
    total, hooks = 0, []
    net = export.load(name, 32 if name.endswith("cifar") else 224, args.models)

    def count(module, inputs, output):
        nonlocal total
        total += module.weight.numel() * output[0, 0].numel()

    for module in net.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            hooks.append(module.register_forward_hook(count))
    side = 32 if name.endswith("cifar") else 224
    with torch.no_grad():
        net(torch.zeros(1, 3, side, side))
    return total


def processor_ticks():
    """Processor time that was not idle since the system started."""
    user, nice, system, _idle, _wait, *rest = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    return user + nice + system + sum(rest)


def has(*flags):
    """Whether the processor has one of these features."""
    return any(flag in Path("/proc/cpuinfo").read_text().split() for flag in flags)


def cpu():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def machine():
    git = lambda *args: subprocess.run(["git", "-C", HERE, *args], capture_output=True, text=True).stdout.strip()
    return {
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": git("rev-parse", "--short", "HEAD"),
        "date": datetime.date.today().isoformat(),
    }


if __name__ == "__main__":
    main()
