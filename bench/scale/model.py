#!/usr/bin/env python3
"""A model of training on several ranks, and the tables of docs/results/scale.md that follow from it.

Each rank computes one batch of 64 images for a step, so that a step has as many batches as ranks. Then
gradients are summed: every rank sends the others their slices, and later its own sum. Statistics of all
batches are gathered. Messages of a rank follow each other on its link, full duplex; the switch is no limit.

    bench/scale/model.py            # the tables
    bench/scale/model.py --check    # compared with what was measured between network namespaces
"""
import argparse

BATCH = 64
IMAGENET = 1_281_167
EPOCHS = 300
# Measured, see docs/results/scale.md: seconds of a batch of 64 at 224 px on the two cores of that machine.
NETS = {  # name: (parameters, batch-norm channels, seconds of a batch)
    "seesaw-shuffle-1.0d": (3_644_184, 32_272, 1.568),
    "seesaw-shuffle-0.5d": (2_728_024, 17_088, 0.998),
}
LATENCY = 30e-6  # seconds of a message, measured at 1 Gbit/s
ADDING = 4e9  # bytes a second that a core adds and copies
RATES = {"1 Gbit/s": 1e9 / 8, "10 Gbit/s": 10e9 / 8, "100 Gbit/s": 100e9 / 8}
RANKS = [1, 2, 4, 8, 16, 32, 64, 128, 256]


def exchange(net, ranks, rate, number=4):
    """Seconds that a step's exchange takes."""
    if ranks == 1:
        return 0.0
    parameters, channels, _ = net
    others = (ranks - 1) / ranks
    gradients = number * parameters
    statistics = 2 * 8 * channels * (ranks - 1)  # one batch of each other rank, in f64
    sent = 2 * others * gradients + statistics
    return sent / rate + (3 * ranks) * LATENCY + 2 * gradients / ADDING


def step(net, ranks, rate, number=4):
    return net[2] + exchange(net, ranks, rate, number)


def days(net, ranks, rate, number=4):
    steps = IMAGENET * EPOCHS / (BATCH * ranks)
    return steps * step(net, ranks, rate, number) / 86_400


def table(name):
    net = NETS[name]
    print(f"\n{name}, {net[0] * 4 / 1e6:.1f} MB of gradients, {16 * net[1] / 1e6:.2f} MB of statistics a batch\n")
    print("| ranks | images a step | " + " | ".join(f"{r}: share of the time, days" for r in RATES) + " |")
    print("|---" * (2 + len(RATES)) + "|")
    for ranks in RANKS:
        cells = []
        for rate in RATES.values():
            share = exchange(net, ranks, rate) / step(net, ranks, rate)
            cells.append(f"{100 * share:.0f} %, {days(net, ranks, rate):.1f}")
        print(f"| {ranks} | {BATCH * ranks:,} | " + " | ".join(cells) + " |")


def stops(name):
    """The largest number of ranks whose doubling still makes training 1.5 times as fast."""
    net = NETS[name]
    print(f"\n{name}: doubling the ranks makes training at least 1.5 times as fast up to\n")
    print("| | f32 | bf16 on the wire | two thirds of a batch hidden by overlap, f32 |")
    print("|---|---|---|---|")
    for label, rate in RATES.items():
        def last(time):
            ranks = 1
            while ranks < 1 << 14 and time(ranks) / time(2 * ranks) * 2 >= 1.5:
                ranks *= 2
            return ranks

        hidden = 2 / 3 * net[2]
        cells = [
            last(lambda n: step(net, n, rate)),
            last(lambda n: step(net, n, rate, 2)),
            last(lambda n: net[2] + max(0.0, exchange(net, n, rate) - hidden)),
        ]
        print(f"| {label} | " + " | ".join(f"{c} ranks" for c in cells) + " |")


def check():
    """The exchange of the example `sum`: 5.84 MB between two ranks."""
    net = (1_459_834, 0, 0.0)
    for label, rate in RATES.items():
        print(f"{label}: sum of 5.84 MB between two ranks: {1e3 * exchange(net, 2, rate):.1f} ms by the model")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        check()
    else:
        for name in NETS:
            table(name)
            stops(name)
