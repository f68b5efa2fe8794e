"""Times training steps of `seesaw` and of PyTorch in turns, in one run.

    training.py --seesaw ../../target/release/seesaw [--cases 0 2] [--rounds 3]

PyTorch trains the same net with SGD and momentum on a prepared batch, in NCHW and in
channels_last, in float32 and with autocast to bfloat16, and counts with its faster layout in each;
`seesaw bench --train` makes and augments its images on the way. Each of PyTorch's variants is a
process of its own that is stopped while others run. The result goes to
../results/DATE-training.json and .md.
"""

import argparse
import datetime
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys

import report
from peers import machine

HERE = pathlib.Path(__file__).parent
# Net, side of the images, batch, threads.
CASES = [
    ("seesaw-shuffle-0.5d-cifar", 32, 64, 2),
    ("seesaw-shuffle-1.0d-cifar", 32, 64, 2),
    ("seesaw-share-v1-0.5d-cifar", 32, 64, 2),
    ("seesaw-shuffle-0.5d-imagenet", 160, 32, 2),
    ("mobilenetv2-1.0-cifar", 32, 64, 2),
    ("seesaw-shuffle-0.5d-cifar", 32, 128, 2),
]
LAYOUTS = ["nchw", "channels_last"]
PRECISIONS = ["f32", "bf16"]


def worker(name, size, batch, threads, layout, precision):
    """Answers each line, a number of steps, with the seconds of each and the memory's peak."""
    import time

    import torch

    import nets

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = nets.Net(name).train()
    images = torch.randn(batch, 3, size, size)
    if layout == "channels_last":
        net = net.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(10, (batch,))
    optimizer = torch.optim.SGD(net.parameters(), 1e-3, momentum=0.9, nesterov=True, weight_decay=5e-4)
    loss = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                value = loss(net(images), labels)
            value.backward()
            optimizer.step()
            times.append(time.perf_counter() - start)
        status = pathlib.Path("/proc/self/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
        print(json.dumps({"times": times, "peak": peak}), flush=True)


class Torch:
    def __init__(self, case, layout, precision):
        command = [sys.executable, __file__, "--worker", *map(str, case), layout, precision]
        self.layout, self.precision, self.times, self.peak = layout, precision, [], 0
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.steps(1)
        self.times.clear()

    def steps(self, count):
        """Takes one step that does not count and `count` that do."""
        os.kill(self.process.pid, signal.SIGCONT)
        print(count + 1, file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        os.kill(self.process.pid, signal.SIGSTOP)
        self.times += answer["times"][1:]
        self.peak = answer["peak"]

    def close(self):
        os.kill(self.process.pid, signal.SIGCONT)
        self.process.stdin.close()
        self.process.wait()


def seesaw(binary, case, precision, isa=None):
    name, size, batch, threads = map(str, case)
    command = [binary, "bench", name, "--train", "--input-size", size, "--batch", batch]
    command += ["--threads", threads, "--precision", precision, "--runs", "8", "--json"]
    env = os.environ | ({"SEESAW_ISA": isa} if isa else {})
    return json.loads(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout)


def measure(args, number):
    case = CASES[number]
    torches = [Torch(case, layout, precision) for layout in LAYOUTS for precision in PRECISIONS]
    ours = {"f32": [], "bf16": [], "avx2": []}
    for _ in range(args.rounds):
        for precision in PRECISIONS:
            ours[precision].append(seesaw(args.seesaw, case, precision))
        ours["avx2"].append(seesaw(args.seesaw, case, "f32", "avx2"))
        for torch in torches:
            torch.steps(args.steps)
    result = {
        "number": number,
        "net": case[0],
        "size": case[1],
        "batch": case[2],
        "threads": case[3],
        "isa": ours["f32"][0]["isa"],
        "avx2": speed(ours["avx2"]),
    }
    for precision in PRECISIONS:
        one = seesaw(args.seesaw, (*case[:3], 1), precision)
        rivals = [torch for torch in torches if torch.precision == precision]
        best = min(rivals, key=lambda torch: statistics.median(torch.times))
        result[precision] = {
            "seesaw": speed(ours[precision]),
            "peak_share": statistics.median(run["peak_share"] for run in ours[precision]),
            "memory": ours[precision][-1]["peak_memory_bytes"],
            "one_thread": one["images_per_second"],
            "torch_layout": best.layout,
            "torch": case[2] / statistics.median(best.times),
            "torch_memory": min(torch.peak for torch in rivals),
        }
    for torch in torches:
        torch.close()
    return result


def speed(runs):
    """Images per second, the median of runs."""
    return statistics.median(run["images_per_second"] for run in runs)


def markdown(result):
    about = result["machine"]
    lines = [
        f"# Training compared with PyTorch, {about['date']}",
        "",
        f"{about['cpu']}, {about['cores']} cores, {about['system']}, Python {about['python']}, PyTorch "
        f"{result['torch']}, commit {about['commit']}. `bench/peers/training.py`, whose comments "
        "explain the method. Shares of f32's peak count three times the forward multiply-adds.",
        "",
        "| net | px | batch | threads | precision | seesaw, images/s | share of peak | PyTorch, images/s "
        "| times faster | than PyTorch's better precision | memory to PyTorch's | 2 threads to 1 |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case in result["cases"]:
        best = max(case[precision]["torch"] for precision in PRECISIONS)
        for precision in PRECISIONS:
            row = case[precision]
            ours = row["seesaw"]
            lines.append(
                f"| {case['net']} | {case['size']} | {case['batch']} | {case['threads']} | {precision} | "
                f"{ours:.1f} | {100 * row['peak_share']:.0f}% | {row['torch']:.1f} "
                f"({row['torch_layout']}) | {ours / row['torch']:.2f} | {ours / best:.2f} | "
                f"{100 * row['memory'] / row['torch_memory']:.0f}% | {ours / row['one_thread']:.2f} |"
            )
        lines.append(
            f"| {case['net']} | {case['size']} | {case['batch']} | {case['threads']} | f32, AVX2 | "
            f"{case['avx2']:.1f} | | {case['f32']['torch']:.1f} ({case['f32']['torch_layout']}) | "
            f"{case['avx2'] / case['f32']['torch']:.2f} | {case['avx2'] / best:.2f} | | |"
        )
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seesaw", default=str(HERE / "../../target/release/seesaw"))
    parser.add_argument("--cases", type=int, nargs="*", default=range(len(CASES)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3, help="of PyTorch in each round")
    args = parser.parse_args()
    from importlib.metadata import version

    path = HERE / f"../results/{datetime.date.today()}-training.json"
    result = report.load(path) | {"machine": machine(), "torch": version("torch")}
    for number in args.cases:
        case = measure(args, number)
        print(case, file=sys.stderr)
        others = [old for old in result["cases"] if old["number"] != number]
        result["cases"] = sorted(others + [case], key=lambda case: case["number"])
        path.write_text(json.dumps(result, indent=1) + "\n")
        path.with_suffix(".md").write_text(markdown(result))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        name, size, batch, threads, layout, precision = sys.argv[2:]
        worker(name, int(size), int(batch), int(threads), layout, precision)
    else:
        main()
