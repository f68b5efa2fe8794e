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
# Bytes a second of each link, and seconds that the processors take for each byte of gradients, measured on busy
# cores: through TCP, and in shared memory in place of a network that needs no processor.
TCP, DIRECT = 0.042 / 5.84e6, 0.0038 / 5.84e6
RATES = {"1 Gbit/s": (1e9 / 8, TCP), "10 Gbit/s": (10e9 / 8, TCP), "100 Gbit/s": (100e9 / 8, DIRECT)}
RANKS = [1, 2, 4, 8, 16, 32, 64, 128, 256]


def exchange(net, ranks, link, number=4):
    """Seconds that a step's exchange takes."""
    rate, processing = link
    if ranks == 1:
        return 0.0
    parameters, channels, _ = net
    others = (ranks - 1) / ranks
    gradients = number * parameters
    statistics = 2 * 8 * channels * (ranks - 1)  # one batch of each other rank, in f64
    sent = 2 * others * gradients + statistics
    return sent / rate + 3 * ranks * LATENCY + processing * gradients


def step(net, ranks, link, number=4):
    return net[2] + exchange(net, ranks, link, number)


def days(net, ranks, link, number=4):
    steps = IMAGENET * EPOCHS / (BATCH * ranks)
    return steps * step(net, ranks, link, number) / 86_400


def table(name):
    net = NETS[name]
    print(f"\n{name}, {net[0] * 4 / 1e6:.1f} MB of gradients, {16 * net[1] / 1e6:.2f} MB of statistics a batch\n")
    print("| ranks | images a step | " + " | ".join(f"{r}: share of the time, days" for r in RATES) + " |")
    print("|---" * (2 + len(RATES)) + "|")
    for ranks in RANKS:
        cells = []
        for link in RATES.values():
            share = exchange(net, ranks, link) / step(net, ranks, link)
            cells.append(f"{100 * share:.0f} %, {days(net, ranks, link):.1f}")
        print(f"| {ranks} | {BATCH * ranks:,} | " + " | ".join(cells) + " |")


def stops(name):
    """The largest number of ranks with at least 80 % of the speed of as many that exchange nothing."""
    net = NETS[name]
    print(f"\n{name}: the exchange takes at most a fifth of the time up to\n")
    print("| | f32 | bf16 on the wire | two thirds of a batch hidden by overlap, f32 |")
    print("|---|---|---|---|")
    for label, link in RATES.items():
        def last(time):
            within = [ranks for ranks in range(1, 2049) if net[2] / time(ranks) >= 0.8]
            return within[-1]

        hidden = 2 / 3 * net[2]
        cells = [
            last(lambda n: step(net, n, link)),
            last(lambda n: step(net, n, link, 2)),
            last(lambda n: net[2] + max(0.0, exchange(net, n, link) - hidden)),
        ]
        print(f"| {label} | " + " | ".join(f"{c} ranks" if c < 2048 else "more than 2,000" for c in cells) + " |")


def check():
    """The exchange of the example `sum`: 5.84 MB between two ranks."""
    net = (1_459_834, 0, 0.0)
    for label, link in RATES.items():
        print(f"{label}: sum of 5.84 MB between two ranks: {1e3 * exchange(net, 2, link):.1f} ms by the model")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        check()
    else:
        for name in NETS:
            table(name)
            stops(name)
