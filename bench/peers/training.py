"""Times training steps of `seesaw` beside PyTorch's, alternately in one run.

    training.py --seesaw ../../target/release/seesaw [--cases 0 2] [--rounds 3]

PyTorch trains the same net in float32 with SGD and momentum on a batch that lies ready, in NCHW and
in channels_last, and counts with its faster layout; `seesaw bench --train` makes and changes its
images on the way. Each of PyTorch's layouts is a process of its own that is stopped while others
run. The result goes to ../results/DATE-training.json and .md.
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


def worker(name, size, batch, threads, layout):
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
            loss(net(images), labels).backward()
            optimizer.step()
            times.append(time.perf_counter() - start)
        status = pathlib.Path("/proc/self/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
        print(json.dumps({"times": times, "peak": peak}), flush=True)


class Torch:
    def __init__(self, case, layout):
        name, size, batch, threads = case
        command = [sys.executable, __file__, "--worker", name, str(size), str(batch), str(threads), layout]
        self.layout, self.times, self.peak = layout, [], 0
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


def seesaw(binary, case, isa=None):
    name, size, batch, threads = map(str, case)
    command = [binary, "bench", name, "--train", "--input-size", size, "--batch", batch]
    command += ["--threads", threads, "--runs", "8", "--json"]
    env = os.environ | ({"SEESAW_ISA": isa} if isa else {})
    return json.loads(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout)


def measure(args, number):
    case = CASES[number]
    torches = [Torch(case, layout) for layout in LAYOUTS]
    ours = []
    for _ in range(args.rounds):
        ours.append(seesaw(args.seesaw, case))
        for torch in torches:
            torch.steps(args.steps)
    one = seesaw(args.seesaw, (*case[:3], 1))
    for torch in torches:
        torch.close()
    best = min(torches, key=lambda torch: statistics.median(torch.times))
    theirs = case[2] / statistics.median(best.times)
    speed = statistics.median(run["images_per_s"] for run in ours)
    return {
        "number": number,
        "net": case[0],
        "size": case[1],
        "batch": case[2],
        "threads": case[3],
        "isa": ours[0]["isa"],
        "seesaw_images_per_s": speed,
        "seesaw_peak_share": statistics.median(run["peak_share"] for run in ours),
        "seesaw_memory": ours[-1]["peak_memory_bytes"],
        "one_thread_images_per_s": one["images_per_s"],
        "torch_layout": best.layout,
        "torch_images_per_s": theirs,
        "torch_memory": min(torch.peak for torch in torches),
    }


def markdown(result):
    about = result["machine"]
    lines = [
        f"# Training beside PyTorch, {about['date']}",
        "",
        f"{about['cpu']}, {about['cores']} cores, {about['system']}, Python {about['python']}, PyTorch "
        f"{result['torch']}, commit {about['commit']}, fp32. `bench/peers/training.py`, which says how it "
        "measures. Shares of peak count three times the forward multiply-adds.",
        "",
        "| net | px | batch | threads | seesaw, images/s | share of peak | PyTorch, images/s | times faster "
        "| memory to PyTorch's | 2 threads to 1 |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case in result["cases"]:
        ours, theirs = case["seesaw_images_per_s"], case["torch_images_per_s"]
        lines.append(
            f"| {case['net']} | {case['size']} | {case['batch']} | {case['threads']} | {ours:.1f} | "
            f"{100 * case['seesaw_peak_share']:.0f}% | {theirs:.1f} ({case['torch_layout']}) | "
            f"{ours / theirs:.2f} | {100 * case['seesaw_memory'] / case['torch_memory']:.0f}% | "
            f"{ours / case['one_thread_images_per_s']:.2f} |"
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
        name, size, batch, threads, layout = sys.argv[2:]
        worker(name, int(size), int(batch), int(threads), layout)
    else:
        main()
