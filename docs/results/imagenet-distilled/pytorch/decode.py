"""Decodes packs of images to square uint8 arrays: decode.py SIDE NAME PACK.bin...

A pack is its images one after another; PACK.json lists [offset, length, class or null, source].
"""

import sys, json, io, os, numpy as np, multiprocessing as mp
from PIL import Image


def work(a):
    f, items, lo, S, out, asp = a
    X = np.lib.format.open_memmap(out, mode="r+")
    A = np.lib.format.open_memmap(asp, mode="r+")
    bad = 0
    with open(f, "rb") as b:
        for k, it in enumerate(items):
            b.seek(it[0])
            try:
                im = Image.open(io.BytesIO(b.read(it[1]))).convert("RGB")
                X[lo + k] = np.asarray(im.resize((S, S), Image.BILINEAR)).transpose(2, 0, 1)
                A[lo + k] = im.width / im.height
            except Exception:
                bad += 1
    return bad


if __name__ == "__main__":
    S = int(sys.argv[1])
    out = sys.argv[2]
    files = sys.argv[3:]
    lists = [(f, json.load(open(f[:-3] + "json"))) for f in files]
    n = sum(len(l) for _, l in lists)
    for o, sh, dt in ((out + ".x.npy", (n, 3, S, S), "uint8"), (out + ".a.npy", (n,), "float32")):
        np.lib.format.open_memmap(o, mode="w+", dtype=dt, shape=sh)[...] = 0
    jobs = []
    lo = 0
    for f, l in lists:
        for i in range(0, len(l), 256):
            jobs.append((f, l[i : i + 256], lo + i, S, out + ".x.npy", out + ".a.npy"))
        lo += len(l)
    with mp.get_context("fork").Pool(os.cpu_count()) as p:
        print(out, n, "broken", sum(p.imap_unordered(work, jobs)), flush=True)
    json.dump([x for _, l in lists for x in l], open(out + ".json", "w"))
