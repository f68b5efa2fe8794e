"""Writes teachers.pt (BN folded, f16) and init.pt (grafted student, f16)."""

import torch
from scipy.optimize import linear_sum_assignment
from safetensors.torch import load_file
from nets import Student, Teacher


def fold(w, bn, eps):
    g = bn["weight"] / (bn["running_var"] + eps).sqrt()
    return w * g[:, None, None, None], bn["bias"] - bn["running_mean"] * g


def sub(d, p):
    return {k[len(p) :]: v for k, v in d.items() if k.startswith(p)}


mv = load_file("weights/mobilenetv2-imagenet.safetensors")
T = Teacher("mv2")


def setc(c, wb):
    c.w.data.copy_(wb[0])
    c.b.data.copy_(wb[1])


def bn(p):
    return {k: mv[p + k] for k in ("weight", "bias", "running_mean", "running_var")}


setc(T.stem, fold(mv["features.0.0.weight"], bn("features.0.1."), 1e-5))
raw = []
for k, b in enumerate(T.blocks, 1):
    p = f"features.{k}.conv."
    names = (
        [(p + "0.0.weight", p + "0.1."), (p + "1.0.weight", p + "1.1."), (p + "2.weight", p + "3.")]
        if k > 1
        else [(p + "0.0.weight", p + "0.1."), (p + "1.weight", p + "2.")]
    )
    for c, (w, n) in zip(b.c, names):
        setc(c, fold(mv[w], bn(n), 1e-5))
    raw.append([(mv[w], bn(n)) for w, n in names])
setc(T.head, fold(mv["features.18.0.weight"], bn("features.18.1."), 1e-5))
T.fc.weight.data.copy_(mv["classifier.1.weight"])
T.fc.bias.data.copy_(mv["classifier.1.bias"])
L = Teacher("lite0")
ck = torch.load(
    "efficientnet-lite0-57934424.pth",
    map_location="cpu",
    weights_only=True,
)


def cb(p):
    return {k: ck[p + k] for k in ("weight", "bias", "running_mean", "running_var")}


setc(L.stem, fold(ck["_conv_stem.weight"], cb("_bn0."), 1e-3))
for k, b in enumerate(L.blocks):
    p = f"_blocks.{k}."
    cs = list(b.c)
    ns = (
        ["_depthwise_conv", "_project_conv"]
        if len(cs) == 2
        else ["_expand_conv", "_depthwise_conv", "_project_conv"]
    )
    bs = ["_bn1.", "_bn2."] if len(cs) == 2 else ["_bn0.", "_bn1.", "_bn2."]
    for c, n, m in zip(cs, ns, bs):
        setc(c, fold(ck[p + n + ".weight"], cb(p + m), 1e-3))
setc(L.head, fold(ck["_conv_head.weight"], cb("_bn1."), 1e-3))
L.fc.weight.data.copy_(ck["_fc.weight"])
L.fc.bias.data.copy_(ck["_fc.bias"])
S = Student()


def cpbn(n, d, idx=None):
    for k in ("weight", "bias", "running_mean", "running_var"):
        getattr(n, k).data.copy_(d[k] if idx is None else d[k][idx])


S.ws.data.copy_(mv["features.0.0.weight"])
cpbn(S.ns, bn("features.0.1."))
S.wh.data.copy_(mv["features.18.0.weight"])
cpbn(S.nh, bn("features.18.1."))
S.fc.load_state_dict(T.fc.state_dict())
torch.manual_seed(0)
for b, r, tb in zip(S.blocks, raw, T.blocks):
    i, o, e = b.dims
    m1, m2 = b.m1[:, :, 0, 0], b.m2[:, :, 0, 0]
    if len(r) == 3:
        W1 = tb.c[0].w[:, :, 0, 0].detach()
        W2 = tb.c[2].w[:, :, 0, 0].detach()
    else:
        W1 = torch.eye(e)
        W2 = tb.c[1].w[:, :, 0, 0].detach()
    # slot p keeps input set m1[p] and output set m2[:,p]; 4 kinds
    k1 = (W1**2) @ m1.T
    k2 = (W2**2).T @ m2  # [channel, slot]
    gain = k1 / (W1**2).sum() + k2 / (W2**2).sum()
    if len(r) == 3:
        rows, cols = linear_sum_assignment(-gain.numpy())
    else:  # first block has no expansion: the channel must be in the same input group
        rows, cols = linear_sum_assignment(-(k1 * 10 + k2 / (W2**2).sum()).numpy())
    ch = torch.empty(e, dtype=torch.long)
    ch[torch.tensor(cols)] = torch.tensor(rows)  # channel of slot
    (w3, n3) = r[-1]
    (wd, nd) = r[-2]
    b.wd.data.copy_(wd[ch])
    cpbn(b.n2, nd, ch)
    b.w2.data.copy_((w3[:, ch, 0, 0] * m2)[:, :, None, None])
    cpbn(b.n3, n3)
    if len(r) == 3:
        b.w1.data.copy_((r[0][0][ch, :, 0, 0] * m1)[:, :, None, None])
        cpbn(b.n1, r[0][1], ch)
    else:
        b.w1.data.copy_((torch.eye(e)[ch] * m1)[:, :, None, None])
    keep1 = ((W1[ch] ** 2 * m1).sum() / (W1**2).sum()).item()
    keep2 = ((W2[:, ch] ** 2 * m2).sum() / (W2**2).sum()).item()
    print(
        b.dims,
        "energy kept %.3f %.3f" % (keep1, keep2),
        "by order %.3f %.3f"
        % (
            ((W1**2 * m1).sum() / (W1**2).sum()).item(),
            ((W2**2 * m2).sum() / (W2**2).sum()).item(),
        ),
    )
h = lambda d: {k: (v.half() if v.is_floating_point() else v) for k, v in d.items()}
torch.save({"mv2": h(T.state_dict()), "lite0": h(L.state_dict())}, "teachers.pt")
torch.save(h(S.state_dict()), "init.pt")
