"""The result of `peers.py` as a file for programs and one for people."""

import json
import re

ISAS = ["avx2", "avx512"]
# An engine of its own: everything else computes in f32.
BF16 = "openvino-bf16"


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def load(path):
    return json.loads(path.read_text()) if path.exists() else {"cases": []}


def save(path, result):
    path.parent.mkdir(parents=True, exist_ok=True)
    result["cases"].sort(key=lambda case: case["number"])
    path.write_text(json.dumps(result, indent=1) + "\n")
    path.with_suffix(".md").write_text(markdown(result))


def best(case, engine):
    rows = [row for row in case["rows"] if row["engine"] == engine]
    return min(rows, key=lambda row: row["median_ms"], default=None)


def engines(case):
    names = dict.fromkeys(row["engine"] for row in case["rows"])
    return [name for name in names if not name.startswith("seesaw")]


def peak(row):
    """GFLOP/s of the processor, measured by the worker before the run."""
    return float(row["version"].rsplit(" ", 1)[1])


def share(case, milliseconds, gflops):
    return 2e-6 * case["madds"] / milliseconds / gflops


def markdown(result):
    machine = result["machine"]
    lines = [
        f"# Engines compared{' on AVX2' if result['avx2_only'] else ''}, {machine['date']}",
        "",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}, "
        f"commit {machine['commit']}, fp32. `bench/peers/peers.py`, whose README explains the method.",
        "",
    ]
    for isa in ISAS:
        if any(best(case, f"seesaw {isa}") for case in result["cases"]):
            lines += summary(result, isa)
    for case in result["cases"]:
        lines += details(case)
    return "\n".join(lines)


def summary(result, isa):
    lines = [
        f"## Seesaw on {isa.upper()} against the best of the others",
        "",
        "| net | px | threads | batch | seesaw, ms | share of peak | best other | its ms | times faster |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for case in result["cases"]:
        ours = best(case, f"seesaw {isa}")
        others = [best(case, engine) for engine in engines(case) if engine != BF16]
        if ours is None or not others:
            continue
        gflops = peak(ours)
        for other in filter(None, [min(others, key=lambda row: row["median_ms"]), best(case, BF16)]):
            lines.append(
                f"| {case['net']} | {case['size']} | {case['threads']} | {case['batch']} "
                f"| {ours['median_ms']:.2f} | {share(case, ours['median_ms'], gflops):.0%} | {label(case, other)} "
                f"| {other['median_ms']:.2f} | {other['median_ms'] / ours['median_ms']:.2f} |"
            )
    return [*lines, ""]


def label(case, row):
    if row["engine"].startswith("seesaw"):
        return row["engine"]
    way = f", {row['way']}" if case["batch"] > 1 else ""
    return f"{row['engine']}, {row['variant']}{way}"


def details(case):
    ours = best(case, f"seesaw {ISAS[0]}")
    lines = [
        f"## {case['net']}, {case['size']} px, threads {case['threads']}, batch {case['batch']}",
        "",
        f"{case['madds'] / 1e6:.1f}M multiply-adds, at least {case['runs']} runs each; "
        f"{sum(row['disturbed_turns'] for row in case['rows'])} turns were disturbed even when repeated.",
        "",
        f"| engine | version | median ms | min ms | share of peak | to seesaw {ISAS[0]} |",
        "|---|---|---|---|---|---|",
    ]
    for row in sorted(case["rows"], key=lambda row: row["median_ms"]):
        version = "" if row["engine"].startswith("seesaw") else row["version"]
        lines.append(
            f"| {label(case, row)} | {version} | {row['median_ms']:.2f} | {row['min_ms']:.2f} "
            f"| {share(case, row['median_ms'], peak(ours)):.0%} | {row['median_ms'] / ours['median_ms']:.2f} |"
        )
    if case["missing"]:
        lines += ["", "Left out:", *(f"- {name}: {why}" for name, why in case["missing"].items())]
    return [*lines, ""]
