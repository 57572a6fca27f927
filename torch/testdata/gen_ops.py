# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes ops.json: what PyTorch answers for the operators that package torch has methods for.

Run with PyTorch 2.15.0: python gen_ops.py
"""

import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(7)
a = torch.randn(3, 4)
b = torch.randn(3, 4)
row = torch.randn(4)
positive = torch.rand(3, 4) + 0.1
unit = torch.rand(3, 4) * 0.98 + 0.01
unit2 = torch.rand(3, 4) * 0.98 + 0.01
square = torch.randn(4, 4)
weight = torch.randn(5, 4)
bias = torch.randn(5)
cube = torch.randn(2, 3, 4)
index = torch.tensor([2, 0, 2])
classes = torch.tensor([1, 3, 0])
prob = torch.softmax(torch.randn(3, 4), 1)
logp = torch.log_softmax(torch.randn(3, 4), 1)
nan = torch.tensor([1.0, float("inf"), -float("inf"), float("nan")])

H, I, B, T = 3, 4, 2, 5
lstm_x = torch.randn(B, T, I)
lstm_h, lstm_c = torch.randn(1, B, H), torch.randn(1, B, H)
lstm_p = [torch.randn(4 * H, I), torch.randn(4 * H, H), torch.randn(4 * H), torch.randn(4 * H)]
top = torch.topk(a, 2, dim=1)

inputs = dict(a=a, b=b, row=row, positive=positive, unit=unit, unit2=unit2, square=square, weight=weight,
              bias=bias, cube=cube, index=index, classes=classes, prob=prob, logp=logp, nan=nan, lstm_x=lstm_x,
              lstm_h=lstm_h, lstm_c=lstm_c, w_ih=lstm_p[0], w_hh=lstm_p[1], b_ih=lstm_p[2], b_hh=lstm_p[3])

out = dict(
    Add=a + row, Sub=a - row, Mul=a * b, Div=a / b, Pow=positive ** 1.5, AddScalar=a + 2.5, MulScalar=a * 2.5,
    DivScalar=a / 2.5, AddInPlace=a.clone().add_(b), SubInPlace=a.clone().sub_(b), MulInPlace=a.clone().mul_(b),
    DivInPlace=a.clone().div_(b), AddScalarInPlace=a.clone().add_(2.5), MulScalarInPlace=a.clone().mul_(2.5),
    Neg=-a, Abs=a.abs(), Exp=a.exp(), Log=positive.log(), Sqrt=positive.sqrt(), Square=a.square(),
    Atanh=unit.atanh(), Tanh=a.tanh(), Sigmoid=a.sigmoid(), Relu=a.relu(), Clamp=a.clamp(-0.5, 0.5),
    Maximum=torch.maximum(a, b), Minimum=torch.minimum(a, b), Softmax=a.softmax(1), LogSoftmax=a.log_softmax(0),
    Matmul=a @ square, Linear=F.linear(a, weight, bias), LinearNoBias=F.linear(a, weight), Eq=a == a.clone(),
    Lt=a < b, Gt=a > b, IsFinite=nan.isfinite(), All=nan.isfinite().all(), Any=nan.isfinite().any(),
    Where=torch.where(a > b, a, b), FillInPlace=torch.full((3, 4), 2.5), ZeroInPlace=torch.zeros(3, 4),
    CopyInPlace=b, Reshape=cube.reshape(6, -1), View=cube.view(2, 12), Permute=cube.permute(2, 0, 1),
    Transpose=cube.transpose(0, 2), T=a.t(), Squeeze=a.unsqueeze(1).squeeze(1), Unsqueeze=a.unsqueeze(-1),
    Expand=row.expand(3, 4), Narrow=a.narrow(1, 1, 2), Select=cube.select(1, -1),
    IndexSelect=a.index_select(0, index), Chunk=a.chunk(3, 1)[1], Split=a.split(3, 1)[1], Cat=torch.cat([a, b], 1),
    Stack=torch.stack([a, b], 1), Flip=a.flip(0, 1), Clone=a, Detach=a, Contiguous=a.t().contiguous(), To=a,
    ToDType=a.to(torch.float64), AsStrided=torch.as_strided(cube, (2, 3), (12, 2), 1), Sum=a.sum(), SumDim=cube.sum((0, 2)),
    Mean=a.mean(), MeanDim=cube.mean(1), Std=a.std(), StdDim=a.std(0, correction=0), Var=a.var(), Max=a.max(),
    Min=a.min(), Argmax=a.argmax(1), TopkValues=top.values, TopkIndices=top.indices, Cumsum=a.cumsum(1),
    Norm=a.norm(), NormDim=torch.linalg.vector_norm(a, 1, dim=1), MSELoss=F.mse_loss(a, b),
    MSELossSum=F.mse_loss(a, b, reduction="sum"), MSELossNone=F.mse_loss(a, b, reduction="none"),
    L1Loss=F.l1_loss(a, b), HuberLoss=F.huber_loss(a, b, delta=0.7), BCELoss=F.binary_cross_entropy(unit, unit2),
    BCEWithLogitsLoss=F.binary_cross_entropy_with_logits(a, unit), KLDivLoss=F.kl_div(logp, prob, reduction="mean"),
    CrossEntropyLoss=F.cross_entropy(a, classes), CrossEntropyLossSmooth=F.cross_entropy(a, classes, row.abs(), label_smoothing=0.1),
    DropoutEval=a, LayerNorm=F.layer_norm(a, (4,), row, bias[:4]), Embedding=F.embedding(index, weight),
    Zeros=torch.zeros(2, 3), Ones=torch.ones(2, 3, dtype=torch.int64), Full=torch.full((2,), 1.5),
    Arange=torch.arange(0, 2, 0.25), ZerosLike=torch.zeros_like(a), OnesLike=torch.ones_like(a),
)
o, h, c = torch.lstm(lstm_x, (lstm_h, lstm_c), lstm_p, True, 1, 0.0, False, False, True)
out.update(LSTM=o, LSTMHidden=h, LSTMCell=c)

# The same seed gives the same numbers, in the same order of calls.
torch.manual_seed(42)
out.update(SeedRand=torch.rand(5), SeedRandn=torch.randn(20), SeedRandperm=torch.randperm(9),
           SeedUniform=torch.empty(5).uniform_(-2, 3), SeedNormal=torch.empty(17).normal_(1, 2))
torch.manual_seed(42)
out.update(SeedDropout=F.dropout(torch.ones(20), 0.25, True))


def write(t):
    t = t.detach().contiguous()
    kind = str(t.dtype).removeprefix("torch.")
    values = [str(v) if v != v or abs(v) == float("inf") else v for v in t.double().flatten().tolist()]
    return dict(shape=list(t.shape), dtype=kind, values=values)


pathlib.Path(__file__).with_name("ops.json").write_text(json.dumps(
    dict(torch=torch.__version__.split("+")[0], inputs={k: write(v) for k, v in inputs.items()},
         outputs={k: write(v) for k, v in out.items()}), indent=None, separators=(",", ":")) + "\n")
