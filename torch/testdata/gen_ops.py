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

# Later inputs come after all others, so that those keep their values.
above = torch.rand(3, 4) + 1.1
two = torch.tensor([2])
picks = torch.rand(3, 4).argsort(1)[:, :2]
order = torch.tensor([2, 0, 1])
twisted = torch.randn(2, 4, 3)
query, key = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
inputs.update(above=above, two=two, picks=picks, order=order, twisted=twisted, query=query, key=key)


def change(t, *changes):
    t = t.clone()
    for place, value in changes:
        t[place] = value
    return t


def parts(z):
    return torch.view_as_real(z.resolve_conj()).contiguous()


out.update({name.capitalize(): getattr(a, name)() for name in "sin cos atan sinh cosh asinh sign floor ceil round trunc frac exp2 expm1 erf erfc".split()})
out.update({name.capitalize(): getattr(positive, name)() for name in "rsqrt reciprocal log1p log2 log10".split()})
out.update({name.capitalize(): getattr(unit, name)() for name in "tan asin acos".split()})
out.update(
    Acosh=above.acosh(), Lgamma=above.lgamma(), ClampMin=a.clamp(min=-0.5), ClampMax=a.clamp(max=0.5),
    NanToNum=nan.nan_to_num(0.5, 3, -3), Atan2=torch.atan2(a, b), PowTensor=positive ** b, Remainder=index % 2,
    FloorDivide=index // 2, Lerp=torch.lerp(a, b, 0.3), Addcmul=a + 0.3 * a * b, Addcdiv=torch.addcdiv(a, b, positive, value=0.3),
    AddScaledInPlace=a + 0.3 * b, LerpInPlace=torch.lerp(a, b, 0.3), AddcmulInPlace=a + 0.3 * a * b,
    AddcdivInPlace=torch.addcdiv(a, b, positive, value=0.3), Ne=a != b, Le=a <= b, Ge=a >= b, EqScalar=index == 2, NeScalar=index != 2, LtScalar=index < 2, LeScalar=index <= 2,
    GtScalar=index > 2, GeScalar=index >= 2, LogicalNot=index.logical_not(), LogicalAnd=(a > 0) & (b > 0),
    LogicalOr=(a > 0) | (b > 0), LogicalXor=(a > 0) ^ (b > 0), IsNaN=nan.isnan(), IsInf=nan.isinf(),
    AllDim=(a > -0.5).all(1, keepdim=True), AnyDim=(a > 1).any(0),
    Relu6=F.relu6(a), LeakyRelu=F.leaky_relu(a, 0.2), RreluEval=F.rrelu(a, 0.1, 0.3, False), Elu=F.elu(a, 0.7), Celu=F.celu(a, 0.7),
    Selu=F.selu(a), Gelu=F.gelu(a), GeluTanh=F.gelu(a, approximate="tanh"), Silu=F.silu(a), Mish=F.mish(a),
    Softplus=F.softplus(a, 2, 1.5), Softshrink=F.softshrink(a, 0.4), Hardshrink=F.hardshrink(a, 0.4), Threshold=F.threshold(a, 0.1, 20),
    Hardtanh=F.hardtanh(a, -0.3, 0.6), Hardsigmoid=F.hardsigmoid(a), Hardswish=F.hardswish(a), LogSigmoid=F.logsigmoid(a), Glu=F.glu(a, 1),
    Prelu=F.prelu(a, row),
    Amax=cube.amax((0, 2)), Amin=cube.amin((0, 2), keepdim=True), SumKeepdim=cube.sum((1, 2), keepdim=True),
    MeanKeepdim=cube.mean((1, 2), keepdim=True), LogSumExp=cube.logsumexp((0, 1), keepdim=True), Prod=positive.prod(1), Cumprod=positive.cumprod(1),
    Argmin=a.argmin(1), CountNonzero=a.relu().count_nonzero(1), Argsort=a.argsort(1), Bincount=index.bincount(minlength=9),
    Searchsorted=torch.searchsorted(a.flatten().sort().values, a * 0.5, right=True),
    Gather=a.gather(1, picks), Scatter=torch.zeros(3, 4).scatter(1, picks, a[:, :2]), ScatterAdd=a.scatter_add(1, picks, a[:, :2] * 2),
    IndexAdd=a.index_add(0, index, a * 2), IndexCopy=a.index_copy(0, order, a * 2), IndexCopyInPlace=a.clone().index_copy_(0, order, a * 2), MaskedFill=a.masked_fill(a > 0.5, -2),
    MaskedSelect=a[a > 0.5], Nonzero=(a > 0.5).nonzero(), OneHot=F.one_hot(index, 7), IndexViews=cube[-1, None, ..., :-1:2],
    IndexTensors=cube[:, index % 3, 1], IndexMask=a[a > 0.5], IndexPutViews=change(cube, ((..., slice(1, 3)), 7), (1, cube[0] * 2)),
    IndexPutTensors=change(a, ((index, 0), -1.5), ((slice(None, 1), slice(1, 3)), torch.ones(2))), IndexPutWhole=change(a, (index, a[0] * 3)),
    Flatten=cube.flatten(1), Unflatten=cube.unflatten(2, (2, -1)), Movedim=cube.movedim(0, -1), Unfold=cube.unfold(2, 2, 1),
    Diagonal=cube.diagonal(1, 1, 2), Tril=cube.tril(-1), Triu=cube.triu(1), Pad=F.pad(cube, (1, 2, 0, 1), value=0.5),
    PadReflect=F.pad(cube, (1, 2), mode="reflect"), Roll=cube.roll((1, -1), (0, 2)), Repeat=cube.repeat(2, 1, 1, 3),
    RepeatInterleave=cube.repeat_interleave(2, 1), Diag=row.diag(1), BroadcastTo=row.expand(3, -1), Unbind=cube.unbind(1)[1],
    SplitSizes=a.split((1, 3), 1)[1], BroadcastTensors=row.expand(3, 4), Meshgrid=torch.meshgrid(row, bias, indexing="ij")[1],
    Bmm=cube @ twisted, Dot=row @ row, Outer=torch.outer(row, bias), Addmm=row + a @ square, Einsum=cube @ twisted, Cdist=torch.cdist(a, b, 1),
    CosineSimilarity=F.cosine_similarity(a, b), PairwiseDistance=F.pairwise_distance(a, b, keepdim=True),
    Attention=F.scaled_dot_product_attention(query, key, cube),
    AttentionCausal=F.scaled_dot_product_attention(query, key, cube, is_causal=True, scale=0.5),
    AttentionMask=F.scaled_dot_product_attention(query, key, cube, torch.ones(3, 3, dtype=torch.bool).tril(1)),
    FFT=parts(torch.fft.fft(a)), IFFT=parts(torch.fft.ifft(torch.complex(a, a * a), dim=0)), RFFT=parts(torch.fft.rfft(a)), IRFFT=a, RealImag=a - b, Angle=torch.complex(a, b).angle(),
    HannWindow=torch.hann_window(8), STFT=parts(torch.stft(a, 4, 2, window=torch.hann_window(4), center=False, return_complex=True)), ISTFT=a,
    FullLike=torch.full_like(a, 2.5), Eye=torch.eye(2, 3), Linspace=torch.linspace(-1, 2, 7),
    GridSample=F.grid_sample(a[None, None], b.tanh().reshape(1, 2, -1, 2), padding_mode="border", align_corners=True),
)
for name, (values, indices) in dict(MaxDim=a.max(1, keepdim=True), MinDim=a.min(0), Median=a.median(1), Sort=a.sort(1, descending=True),
                                    Unique=index.unique(return_inverse=True)).items():
    out[name], out[name + ("Inverse" if name == "Unique" else "Indices")] = values, indices
for name, dims, options in [
    ("Nearest1d", 1, dict(size=7)), ("Nearest2d", 2, dict(scale_factor=(2, 2))), ("Nearest3d", 3, dict(scale_factor=(2, 2, 2))),
    ("NearestExact1d", 1, dict(size=7, mode="nearest-exact")), ("NearestExact2d", 2, dict(scale_factor=(2, 2), mode="nearest-exact")),
    ("NearestExact3d", 3, dict(scale_factor=(2, 2, 2), mode="nearest-exact")),
    ("Linear1d", 1, dict(size=7, mode="linear", align_corners=True)), ("Bilinear", 2, dict(size=(5, 6), mode="bilinear")),
    ("Bicubic", 2, dict(scale_factor=(2, 2), mode="bicubic", align_corners=True)),
    ("Trilinear", 3, dict(scale_factor=(2, 2, 2), mode="trilinear")),
    ("BilinearAntialias", 2, dict(size=(2, 3), mode="bilinear", antialias=True)),
    ("BicubicAntialias", 2, dict(size=(2, 3), mode="bicubic", antialias=True)),
]:
    out[name] = F.interpolate(cube[(None,) * (dims - 1)], **options)

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
