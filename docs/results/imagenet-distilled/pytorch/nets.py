"""The teachers with folded batch norms, and the student with its groups as masks of dense
convolutions, which a GPU runs faster than split ones; channels are in the order after the shuffle.
"""

import torch, torch.nn as nn, torch.nn.functional as F

STAGES = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]


class Conv(nn.Module):
    """Folded convolution with bias and optional relu6; 'same' pads as TensorFlow."""

    def __init__(s, i, o, k, st, g, act, same):
        super().__init__()
        s.w = nn.Parameter(torch.zeros(o, i // g, k, k))
        s.b = nn.Parameter(torch.zeros(o))
        s.k, s.st, s.g, s.act, s.same = k, st, g, act, same

    def forward(s, x):
        p = s.k // 2
        if s.same and s.st == 2:
            n = x.shape[-1]
            t = max((-(-n // 2) - 1) * 2 + s.k - n, 0)
            x = F.pad(x, (t // 2, t - t // 2) * 2)
            p = 0
        x = F.conv2d(x, s.w, s.b, s.st, p, 1, s.g)
        return x.clamp(0, 6) if s.act else x


class IR(nn.Module):
    def __init__(s, i, o, k, st, t, same):
        super().__init__()
        e = i * t
        s.skip = st == 1 and i == o
        s.c = nn.Sequential(
            *([Conv(i, e, 1, 1, 1, True, same)] if t > 1 else []),
            Conv(e, e, k, st, e, True, same),
            Conv(e, o, 1, 1, 1, False, same),
        )

    def forward(s, x):
        return x + s.c(x) if s.skip else s.c(x)


class Teacher(nn.Module):
    def __init__(s, kind):
        super().__init__()
        same = kind == "lite0"
        st = (
            [
                (1, 16, 1, 1, 3),
                (6, 24, 2, 2, 3),
                (6, 32, 3, 2, 3),
                (6, 64, 4, 2, 3),
                (6, 96, 3, 1, 3),
                (6, 160, 3, 2, 3),
                (6, 320, 1, 1, 3),
            ]
            if not same
            else [
                (1, 16, 1, 1, 3),
                (6, 24, 2, 2, 3),
                (6, 40, 2, 2, 5),
                (6, 80, 3, 2, 3),
                (6, 112, 3, 1, 5),
                (6, 192, 4, 2, 5),
                (6, 320, 1, 1, 3),
            ]
        )
        s.stem = Conv(3, 32, 3, 2, 1, True, same)
        b = []
        i = 32
        for t, c, n, sd, k in st:
            for j in range(n):
                b.append(IR(i, c, k, sd if j == 0 else 1, t, same))
                i = c
        s.blocks = nn.ModuleList(b)
        s.head = Conv(i, 1280, 1, 1, 1, True, same)
        s.fc = nn.Linear(1280, 1000)

    def forward(s, x, maps=False):
        h = s.stem(x)
        out = [h]
        for b in s.blocks:
            h = b(h)
            out.append(h)
        h = s.head(h)
        z = s.fc(h.mean((2, 3)))
        return (z, out, h) if maps else z


def pre_of_post(e):  # position before the interleave of each position after it
    p = torch.arange(e)
    return (p % 2) * (e // 2) + p // 2


def masks(i, o, e):
    a, b, c = (i // 4, e // 4, o // 4) if i < 160 else (i // 2, e // 2, o // 2)
    pre = pre_of_post(e)
    p = torch.arange(e)
    m1 = (pre < b)[:, None] == (torch.arange(i) < a)[None, :]
    m2 = (torch.arange(o) < c)[:, None] == (p < b)[None, :]
    return m1.float(), m2.float()


class SB(nn.Module):
    def __init__(s, i, o, st, t):
        super().__init__()
        e = i * t
        s.skip = st == 1 and i == o
        s.st = st
        s.dims = (i, o, e)
        m1, m2 = masks(i, o, e)
        s.register_buffer("m1", m1[:, :, None, None], False)
        s.register_buffer("m2", m2[:, :, None, None], False)
        s.w1 = nn.Parameter(torch.zeros(e, i, 1, 1))
        s.n1 = nn.BatchNorm2d(e)
        s.wd = nn.Parameter(torch.zeros(e, 1, 3, 3))
        s.n2 = nn.BatchNorm2d(e)
        s.w2 = nn.Parameter(torch.zeros(o, e, 1, 1))
        s.n3 = nn.BatchNorm2d(o)

    def forward(s, x):
        y = s.n1(F.conv2d(x, s.w1 * s.m1))
        y = F.conv2d(y, s.wd, None, s.st, 1, 1, y.shape[1])
        y = s.n2(y).clamp(0, 6)
        y = s.n3(F.conv2d(y, s.w2 * s.m2))
        return x + y if s.skip else y


class Student(nn.Module):
    def __init__(s):
        super().__init__()
        s.ws = nn.Parameter(torch.zeros(32, 3, 3, 3))
        s.ns = nn.BatchNorm2d(32)
        b = []
        i = 32
        for t, c, n, sd in STAGES:
            for j in range(n):
                b.append(SB(i, c, sd if j == 0 else 1, t))
                i = c
        s.blocks = nn.ModuleList(b)
        s.wh = nn.Parameter(torch.zeros(1280, i, 1, 1))
        s.nh = nn.BatchNorm2d(1280)
        s.fc = nn.Linear(1280, 1000)

    def forward(s, x, maps=False, detach=False):
        h = s.ns(F.conv2d(x, s.ws, None, 2, 1)).clamp(0, 6)
        out = [h]
        for b in s.blocks:
            h = b(h.detach() if detach else h)
            out.append(h)
        h = s.nh(F.conv2d(h.detach() if detach else h, s.wh)).clamp(0, 6)
        z = s.fc((h.detach() if detach else h).mean((2, 3)))
        return (z, out, h) if maps else z
