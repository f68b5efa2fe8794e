"""Writes the student as a checkpoint with the names of the paper's authors: export.py IN OUT."""

import sys, torch

sys.path.insert(0, "reference")
from nets import Student, pre_of_post
from seesaw_ref import build

S = Student()
S.load_state_dict(torch.load(sys.argv[1], map_location="cpu"))
S.eval()
R = build("shuffle", 0.5, 1000, False)


def bn(dst, src, idx=None):
    for k in ("weight", "bias", "running_mean", "running_var"):
        getattr(dst, k).data.copy_(getattr(src, k) if idx is None else getattr(src, k)[idx])


f = R.features
f[0][0].weight.data.copy_(S.ws)
bn(f[0][1], S.ns)
f[18][0].weight.data.copy_(S.wh)
bn(f[18][1], S.nh)
R.classifier[-1].load_state_dict(S.fc.state_dict())
for k, b in enumerate(S.blocks):
    r = f[k + 1]
    i, o, e = b.dims
    pre = pre_of_post(e)
    post = torch.empty(e, dtype=torch.long)
    post[pre] = torch.arange(e)  # post[q]: position after of position q before
    w1 = (b.w1 * b.m1)[post]
    w2 = b.w2 * b.m2
    if i < 160:
        a, c = i // 4, e // 4
        r.pwconv10[0].weight.data.copy_(w1[:c, :a])
        r.pwconv20[0].weight.data.copy_(w1[c:, a:])
        bn(r.Permu2[0], b.n1, post)
        r.dwconv[0].weight.data.copy_(b.wd)
        bn(r.dwconv[1], b.n2)
        q = o // 4
        r.pwconv11[0].weight.data.copy_(w2[:q, :c])
        r.pwconv21[0].weight.data.copy_(w2[q:, c:])
        bn(r.Permu4[0], b.n3)
    else:
        a, c, q = i // 2, e // 2, o // 2
        l = r.conv
        l[0].weight.data.copy_(torch.cat([w1[:c, :a], w1[c:, a:]]))
        bn(l[1], b.n1, post)
        l[3].weight.data.copy_(b.wd)
        bn(l[4], b.n2)
        l[6].weight.data.copy_(torch.cat([w2[:q, :c], w2[q:, c:]]))
        bn(l[7], b.n3)
R.eval()
x = torch.randn(2, 3, 96, 96)
with torch.no_grad():
    d = (S(x) - R(x)).abs().max().item()
    print("difference", d, "of", S(x).abs().max().item())
assert d < 1e-3
torch.save({"state_dict": R.state_dict()}, sys.argv[2])
