"""Distills MobileNetV2 and EfficientNet-Lite0 into a grafted Seesaw-shuffle 0.5D.

usage: train.py --data FOLDER --models FOLDER --init init.pt --out FOLDER --seconds 515 --every 40

`--data` has pack, sharp and valid as decode.py writes them, `--models` the files that graft.py
writes and imagenet_classes.tsv. See the README beside this folder.
"""

import os, time, json, math, random, copy, argparse
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from nets import Student, Teacher

a = argparse.ArgumentParser()
a.add_argument("--data", default=".")
a.add_argument("--out", default=".")
a.add_argument("--seconds", type=float, default=500)
a.add_argument("--block-share", type=float, default=0.12)
a.add_argument("--batch", type=int, default=512)
a.add_argument("--lr", type=float, default=4e-3)
a.add_argument("--sizes", default="0:144,0.4:160,0.7:192,0.86:224")
a.add_argument("--init", default="init.pt")
a.add_argument("--models", default=".")
a.add_argument("--canvas", type=int, default=176)
a.add_argument("--every", type=float, default=45)
a.add_argument("--limit", type=int, default=10**9)
a.add_argument("--fw", type=float, default=1.0)
a.add_argument("--fwend", type=float, default=0.15)
a = a.parse_args()
t00 = time.time()
dev = "cuda" if torch.cuda.is_available() else "cpu"
torch.manual_seed(0)
random.seed(0)
np.random.seed(0)
torch.backends.cudnn.benchmark = False
torch.backends.cuda.matmul.allow_tf32 = True
torch.backends.cudnn.allow_tf32 = True
DT = torch.bfloat16 if dev == "cuda" else torch.float32
if dev == "cpu":
    torch.set_num_threads(1)


def log(*x):
    print("%6.1f" % (time.time() - t00), *x, flush=True)


def load(name, limit):
    x = torch.from_numpy(np.load(a.data + "/" + name + ".x.npy", mmap_mode="c")[:limit])
    s = torch.from_numpy(np.load(a.data + "/" + name + ".a.npy")[:limit])
    if dev == "cuda":
        x = torch.cat([c.to(dev) for c in x.split(4096)])
        s = s.to(dev)
    log(name, len(x))
    return x, s, s > 0, json.load(open(a.data + "/" + name + ".json"))[:limit]


mean = torch.tensor([0.485, 0.456, 0.406], device=dev).view(1, 3, 1, 1)
std = torch.tensor([0.229, 0.224, 0.225], device=dev).view(1, 3, 1, 1)


def crop(X, A, idx, R):
    n = len(idx)
    x = X[idx].to(dev, non_blocking=True).float() / 255
    W = A[idx].to(dev)
    H = torch.ones_like(W)
    area = torch.empty(n, device=dev).uniform_(0.25, 1) * W
    r = torch.exp(torch.empty(n, device=dev).uniform_(-0.29, 0.29))
    w = torch.minimum((area * r).sqrt(), W) / W
    h = torch.minimum((area / r).sqrt(), H)
    cx = (torch.rand(n, device=dev) * 2 - 1) * (1 - w)
    cy = (torch.rand(n, device=dev) * 2 - 1) * (1 - h)
    fl = torch.where(torch.rand(n, device=dev) < 0.5, -1.0, 1.0)
    th = torch.zeros(n, 2, 3, device=dev)
    th[:, 0, 0] = w * fl
    th[:, 0, 2] = cx
    th[:, 1, 1] = h
    th[:, 1, 2] = cy
    x = F.grid_sample(
        x,
        F.affine_grid(th, (n, 3, R, R), align_corners=False),
        mode="bilinear",
        padding_mode="reflection",
        align_corners=False,
    )
    return x


def jitter(x, R):
    n = len(x)
    j = (torch.rand(n, 1, 1, 1, device=dev) < 0.5).float()
    u = lambda s: 1 + j * (torch.rand(n, 1, 1, 1, device=dev) * 2 - 1) * s
    x = x * u(0.3)
    m = x.mean((1, 2, 3), keepdim=True)
    x = (x - m) * u(0.3) + m
    g = x.mean(1, keepdim=True)
    x = g + (x - g) * u(0.5)
    c = 1 + j * (torch.rand(n, 3, 1, 1, device=dev) * 2 - 1) * 0.08
    x = (x * c).clamp(0, 1)
    k = random.random()
    p = torch.roll(torch.arange(n, device=dev), 1)
    if k < 0.3:
        l = torch.rand(n, 1, 1, 1, device=dev)
        l = torch.maximum(l, 1 - l)
        x = l * x + (1 - l) * x[p]
    elif k < 0.5:
        s = int(R * random.uniform(0.3, 0.7))
        q = int(R * random.uniform(0.3, 0.7))
        y0 = random.randint(0, R - s)
        x0 = random.randint(0, R - q)
        x = x.clone()
        x[:, :, y0 : y0 + s, x0 : x0 + q] = x[p][:, :, y0 : y0 + s, x0 : x0 + q]
    return x


T = Teacher("mv2")
L = Teacher("lite0")
S = Student()
tw = torch.load(a.models + "/teachers.pt", map_location="cpu")
T.load_state_dict(tw["mv2"])
L.load_state_dict(tw["lite0"])
S.load_state_dict(
    {
        k: v.float() if v.is_floating_point() else v
        for k, v in torch.load(a.init, map_location="cpu").items()
    }
)
mf = torch.channels_last
for m in (T, L):
    m.to(dev).to(DT).to(memory_format=mf).eval().requires_grad_(False)
T.fc.float()
L.fc.float()
S.to(dev).to(memory_format=mf).train()
E = copy.deepcopy(S).eval().requires_grad_(False)


def tfc(m, h):
    return m.fc(h.float().mean((2, 3)))


def tf(m, x, maps):
    h = m.stem(x)
    out = [h]
    for b in m.blocks:
        h = b(h)
        out.append(h)
    h = m.head(h)
    return tfc(m, h), out, h


def teach(x01, maps=True):
    xn = ((x01 - mean) / std).to(DT).contiguous(memory_format=mf)
    xl = ((x01 - 127 / 255) / (128 / 255)).to(DT).contiguous(memory_format=mf)
    zt, mt, ht = tf(T, xn, maps)
    zl, _, _ = tf(L, xl, False)
    return xn, zt, zl, mt, ht


def dist(h, t):
    d = h - t
    return (
        torch.linalg.vector_norm(d, dtype=torch.float32).square() / d.numel() / t[:48].float().var()
    )


def losses(xn, zt, zl, mt, ht, detach):
    with torch.autocast(dev, torch.bfloat16, enabled=dev == "cuda"):
        z, ms, hs = S(xn, True, detach)
    f = torch.stack([dist(u, v) for u, v in zip(ms, mt)] + [dist(hs, ht)])
    lp = torch.log_softmax(z.float(), 1)
    pt = (zt.softmax(1) + zl.softmax(1)) * 0.5
    kl = (pt * (pt.clamp_min(1e-9).log() - lp)).sum(1).mean()
    return f, kl


dec = [p for n, p in S.named_parameters() if p.ndim > 1]
nod = [p for n, p in S.named_parameters() if p.ndim <= 1]
opt = torch.optim.AdamW(
    [{"params": dec, "weight_decay": 2e-4}, {"params": nod, "weight_decay": 0}],
    lr=a.lr,
    betas=(0.9, 0.99),
    fused=dev == "cuda",
)
es = [v for v in E.state_dict().values() if v.is_floating_point()]
ss = lambda: [v for v in S.state_dict().values() if v.is_floating_point()]


def ema(d):
    torch._foreach_lerp_(es, ss(), 1 - d)


def step(x, lr, fw, detach):
    with torch.no_grad():
        q = teach(x)
    f, kl = losses(*q, detach)
    l = f.sum() if detach else fw * f.mean() * 2 + 2 * kl
    l = l + (0 if not detach else kl)
    for g in opt.param_groups:
        g["lr"] = lr
    opt.zero_grad(set_to_none=True)
    l.backward()
    nn.utils.clip_grad_norm_(S.parameters(), 20.0 if detach else 5.0)
    opt.step()
    return f.detach(), kl.detach()


X, A, ok, _ = load("pack", a.limit)
I = torch.nonzero(ok)[:, 0]
Q = None
if os.path.exists(a.data + "/sharp.x.npy"):
    Q, QA, qok, _ = load("sharp", a.limit)
    QI = torch.nonzero(qok)[:, 0]


def draw(R):
    k = 0 if Q is None else int(a.batch * (0.08 if R < 192 else 0.3 if R < 224 else 0.6))
    r = lambda I, n: I[torch.randint(0, len(I), (n,), device=I.device)]
    x = crop(X, A, r(I, a.batch - k), R)
    if k:
        x = torch.cat([x, crop(Q, QA, r(QI, k), R)])
        x = x[torch.randperm(len(x), device=dev)]
    return jitter(x, R)


V, VA, vok, vl = load("valid", a.limit)
wn = [l.split("\t")[0] for l in open(a.models + "/imagenet_classes.tsv")]
VY = torch.tensor([wn.index(v[2]) for v in vl], device=dev)


def vb(i, R):
    x = V[i : i + 250].to(dev).float() / 255
    W = VA[i : i + 250].to(dev)
    n = len(x)
    th = torch.zeros(n, 2, 3, device=dev)
    th[:, 0, 0] = 0.875 * torch.clamp(1 / W, max=1)
    th[:, 1, 1] = 0.875 * torch.clamp(W, max=1)
    return F.grid_sample(
        x, F.affine_grid(th, (n, 3, R, R), align_corners=False), align_corners=False
    ).clamp(0, 1)


cache = {}


@torch.no_grad()
def evaluate(tag, R, recal=False):
    if R not in cache:
        r = [teach(vb(i, R)) for i in range(0, len(V), 250)]
        zt = torch.cat([q[1] for q in r])
        zl = torch.cat([q[2] for q in r])
        en = zt.softmax(1) + zl.softmax(1)
        acc = lambda z: 100 * (z.argmax(1) == VY).float().mean().item()
        cache[R] = en
        log("teachers at", R, "mv2 %.1f lite0 %.1f both %.1f" % (acc(zt), acc(zl), acc(en)))
    o = []
    for m in (E, S):
        m.eval()
        with torch.autocast(dev, torch.bfloat16, enabled=dev == "cuda"):
            z = torch.cat(
                [
                    m(((vb(i, R) - mean) / std).contiguous(memory_format=mf)).float()
                    for i in range(0, len(V), 250)
                ]
            )
        o += [
            100 * (z.argmax(1) == VY).float().mean().item(),
            100 * (z.argmax(1) == cache[R].argmax(1)).float().mean().item(),
        ]
    S.train()
    log(tag, "R", R, "ema top1 %.1f agree %.1f | raw %.1f %.1f" % tuple(o))


def save(name):
    torch.save(
        {
            k: v.float().cpu().contiguous() if v.is_floating_point() else v.cpu()
            for k, v in E.state_dict().items()
        },
        a.out + "/" + name,
    )


sizes = [(float(s.split(":")[0]), int(s.split(":")[1])) for s in a.sizes.split(",")]
t0 = time.time()
last = t0
n = 0
seen = 0
lastS = t0
rf = None
evaluate("start", sizes[0][1])
while True:
    fr = (time.time() - t0) / a.seconds
    if fr >= 1:
        break
    R = [r for f, r in sizes if f <= fr][-1]
    detach = fr < a.block_share
    if detach:
        lr = a.lr * min(1, (n + 1) / 100)
    else:
        q = (fr - a.block_share) / (1 - a.block_share)
        lr = a.lr * 0.5 * (1 + math.cos(math.pi * q)) * min(1, 0.1 + q * 20)
    x = draw(R)
    f, kl = step(x, lr, a.fw + (a.fwend - a.fw) * fr, detach)
    n += 1
    seen += a.batch
    if n % 4 == 0:
        ema(min(0.995, n / (n + 40)) if n < 2000 else 0.995)
    if n % 20 == 0 or rf is None:
        k = torch.cat([f, kl[None]])
        rf = k if rf is None else rf * 0.9 + k * 0.1
        if not math.isfinite(kl.item()):
            log("not finite")
            break
    if time.time() - last > a.every:
        last = time.time()
        log(
            "step",
            n,
            "seen %.2fM" % (seen / 1e6),
            "lr %.5f" % lr,
            "R",
            R,
            "blocks" if detach else "whole",
            "kl %.3f head %.3f maps" % (rf[-1], rf[-2]),
            " ".join("%.2f" % v for v in rf[:-2]),
        )
        evaluate("  valid", R)
    if time.time() - lastS > 150:
        lastS = time.time()
        save("ema.pt")
save("ema.pt")
evaluate("end", R)
evaluate("end", 192)
log("done", n, "steps", seen, "images")
