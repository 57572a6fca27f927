# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes cases of PyTorch's modules for TestModulesAgreeWithPyTorch.

The modules and their inputs are those of PyTorch's own test database, module_db of
torch.testing._internal.common_modules, and of the list `others` here. Each case holds
how the module was made, its initial values for a seed, and what one step computes: the
outputs, the gradients of inputs and parameters, and the state afterwards.

    python gen_modules.py                           # modules.pt, the small set
    python gen_modules.py --all --seed 7 FILE.pt    # every case of every type

It needs expecttest, beside PyTorch.
"""

import argparse
import collections
import inspect
import pathlib
import warnings

import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence
from torch.testing._internal.common_modules import FunctionInput, ModuleInput, module_db

parser = argparse.ArgumentParser()
parser.add_argument("--all", action="store_true", help="all cases instead of a few of each module")
parser.add_argument("--most", type=int, default=60, help="with --all: cases of one module, type and mode")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("file", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).with_name("modules.pt"))
options = parser.parse_args()
warnings.simplefilter("ignore")


def plain(x, *, keep):
    """Returns x without classes that a file of plain values cannot hold."""
    if isinstance(x, torch.Tensor):
        return keep(x)
    if isinstance(x, PackedSequence):
        return {"packed": [keep(t) for t in x if t is not None]}
    if isinstance(x, nn.Module):
        settings = {f"{path}.{k}": v for path, m in x.named_modules() for k, v in vars(m).items() if isinstance(v, (bool, int, float))}
        return {"module": type(x).__name__, "settings": settings, "state": state(x)}
    if isinstance(x, (list, tuple)):
        return [plain(y, keep=keep) for y in x]
    if isinstance(x, dict):
        return {str(k): plain(y, keep=keep) for k, y in x.items()}
    if callable(x):
        return getattr(x, "__name__", type(x).__name__)
    return x if isinstance(x, (bool, int, float, str, type(None))) else str(x)


def tensors(x):
    """Yields the tensors of a nested value, in order."""
    if isinstance(x, torch.Tensor):
        yield x
    elif isinstance(x, PackedSequence):
        yield x.data
    elif isinstance(x, (list, tuple)):
        for y in x:
            yield from tensors(y)
    elif isinstance(x, dict):
        yield from tensors(list(x.values()))


def state(m):
    return {k: v.detach().clone() for k, v in m.state_dict().items()}


def number(x):
    return x.is_floating_point() or x.is_complex()


def case(name, cls, given, dtype, training, seed):
    made, forward = given.constructor_input, given.forward_input
    kwargs = {k: v for k, v in made.kwargs.items() if k not in ("device", "dtype")}
    # Other numbers are drawn for float64 than for float32.
    typed = {"dtype": dtype} if isinstance(cls, type) and issubclass(cls, nn.RNNBase) or "dtype" in inspect.signature(cls).parameters else {}
    torch.manual_seed(seed)
    module = cls(*made.args, **kwargs, **typed).to(dtype)
    module.train(training)
    result = dict(module=name, desc=given.desc, dtype=str(dtype).removeprefix("torch."), training=training, seed=seed,
                  args=plain(made.args, keep=torch.Tensor.clone), kwargs=plain(kwargs, keep=torch.Tensor.clone), initial=state(module))
    # Ones and zeros would hide wrong gradients.
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for t in [*module.parameters(), *module.buffers()]:
            if number(t):
                t.add_(torch.rand(t.shape, generator=generator, dtype=t.dtype) * 0.1)
    inputs, named = distinct(forward.args), forward.kwargs
    for t in tensors([inputs, named]):
        if t.requires_grad:
            t.retain_grad()  # some inputs are views
            t.grad = None
    result.update(state=state(module), inputs=plain(inputs, keep=lambda t: t.detach().clone()),
                  named=plain(named, keep=lambda t: t.detach().clone()),
                  requires_grad=[t.requires_grad for t in tensors([inputs, named])])
    torch.manual_seed(seed)
    outputs = module(*inputs, **named)
    flat = list(tensors(outputs))
    result["outputs"] = [t.detach().clone() for t in flat]
    roots = [t for t in flat if t.requires_grad]
    result["cotangents"] = [torch.randn(t.shape, generator=generator, dtype=t.dtype) if t.requires_grad else None for t in flat]
    if roots:
        torch.autograd.backward(roots, [g for g in result["cotangents"] if g is not None])
    result["grads"] = [None if t.grad is None else t.grad.detach().clone() for t in tensors([inputs, named])]
    result["parameter_grads"] = {k: None if p.grad is None else p.grad.clone() for k, p in module.named_parameters()}
    result["after"] = state(module)
    return result


def distinct(inputs):
    """Returns inputs with a copy where a tensor is given a second time, so that each has a gradient of its own."""
    seen = set()
    return [x.detach().clone().requires_grad_(x.requires_grad) if isinstance(x, torch.Tensor) and (id(x) in seen or seen.add(id(x))) else x
            for x in inputs]


def one(*args, inputs, named={}, desc="", **kwargs):
    """Returns a case of the list `others`; tensors of inputs get gradients."""
    for t in tensors(inputs):
        if number(t):
            t.requires_grad_()
    return ModuleInput(FunctionInput(*args, **kwargs), FunctionInput(*inputs, **named), desc=desc)


# Classes and options that the database lacks.
others = {
    "Identity": lambda r: [one(inputs=[r(2, 3)])],
    "Flatten": lambda r: [one(inputs=[r(2, 3, 4)]), one(0, 1, inputs=[r(2, 3, 4)])],
    "Unflatten": lambda r: [one(1, (2, 3), inputs=[r(2, 6)])],
    "Dropout": lambda r: [one(0.3, inputs=[r(4, 5)])],
    "Dropout1d": lambda r: [one(0.3, inputs=[r(4, 5, 6)]), one(0.3, inputs=[r(5, 6)])],
    "Dropout2d": lambda r: [one(0.3, inputs=[r(4, 5, 2, 3)]), one(0.3, inputs=[r(4, 5, 2)])],
    "Dropout3d": lambda r: [one(0.3, inputs=[r(4, 5, 2, 3, 2)]), one(0.3, inputs=[r(5, 2, 3, 2)])],
    "AlphaDropout": lambda r: [one(0.3, inputs=[r(4, 5)])],
    "FeatureAlphaDropout": lambda r: [one(0.3, inputs=[r(4, 5, 3)])],
    "PixelShuffle": lambda r: [one(2, inputs=[r(2, 8, 3, 4)])],
    "PixelUnshuffle": lambda r: [one(2, inputs=[r(2, 2, 4, 6)])],
    "ChannelShuffle": lambda r: [one(2, inputs=[r(2, 6, 3, 4)])],
    "Upsample": lambda r: [
        one(size=5, inputs=[r(2, 3, 4)]), one(scale_factor=2, mode="bilinear", align_corners=True, inputs=[r(2, 3, 4, 3)]),
        one(scale_factor=(1.6, 2.3), mode="bicubic", recompute_scale_factor=True, inputs=[r(2, 3, 4, 3)]),
        one(7, mode="linear", inputs=[r(2, 3, 4)]), one(mode="trilinear", scale_factor=1.5, inputs=[r(2, 3, 4, 3, 2)]),
        one((3, 5), mode="nearest-exact", inputs=[r(2, 3, 4, 3)]), one(scale_factor=1.7, inputs=[r(2, 3, 4, 3, 2)]),
    ],
    "UpsamplingNearest2d": lambda r: [one(scale_factor=2, inputs=[r(2, 3, 4, 3)]), one((3, 7), inputs=[r(2, 3, 4, 3)])],
    "UpsamplingBilinear2d": lambda r: [one(size=(5, 7), inputs=[r(2, 3, 4, 3)]), one(scale_factor=1.7, inputs=[r(2, 3, 4, 3)])],
    "Fold": lambda r: [one((4, 5), (2, 2), inputs=[r(2, 12, 12)]), one((4, 5), 2, dilation=2, padding=1, stride=2, inputs=[r(12, 6)])],
    "Unfold": lambda r: [one((2, 3), inputs=[r(2, 3, 4, 5)]), one(2, dilation=2, padding=1, stride=2, inputs=[r(3, 4, 5)])],
    "CosineSimilarity": lambda r: [one(inputs=[r(4, 5), r(4, 5)]), one(0, 1e-3, inputs=[r(4, 5), r(4, 5)])],
    "PairwiseDistance": lambda r: [
        one(inputs=[r(4, 5), r(4, 5)]), one(3.0, keepdim=True, inputs=[r(4, 5), r(4, 5)]), one(float("inf"), 0.1, inputs=[r(5), r(5)]),
    ],
    "TripletMarginLoss": lambda r: [
        one(inputs=[r(4, 5), r(4, 5), r(4, 5)]), one(0.5, 3.0, swap=True, reduction="sum", inputs=[r(4, 5), r(4, 5), r(4, 5)]),
        one(2.0, 1.5, 1e-3, reduction="none", inputs=[r(5), r(5), r(5)]),
    ],
    "TripletMarginWithDistanceLoss": lambda r: [one(margin=0.5, swap=True, inputs=[r(4, 5), r(4, 5), r(4, 5)])],
    "Embedding": lambda r: [
        one(7, 4, -2, 1.5, 1.0, True, inputs=[torch.randint(7, (5, 4))]), one(7, 4, max_norm=0.5, inputs=[torch.randint(7, (5,))]),
    ],
    "EmbeddingBag": lambda r: [
        one(7, 4, mode=mode, inputs=[torch.randint(7, (9,)), torch.tensor([0, 2, 2, 6])]) for mode in ("sum", "mean", "max")
    ] + [
        one(7, 4, mode="sum", padding_idx=2, inputs=[torch.randint(7, (3, 4)), None, r(3, 4)]),
        one(7, 4, 0.5, 1.0, True, include_last_offset=True, padding_idx=-1, inputs=[torch.randint(7, (9,)), torch.tensor([0, 2, 2, 9])]),
    ],
    "Bilinear": lambda r: [one(2, 3, 4, False, inputs=[r(2, 5, 2), r(2, 5, 3)])],
    "RNN": lambda r: [one(3, 4, 2, dropout=0.3, bidirectional=True, inputs=x) for x in recurrent(r, 1)],
    "GRU": lambda r: [one(3, 4, 2, dropout=0.3, bidirectional=True, inputs=x) for x in recurrent(r, 1)],
    "LSTM": lambda r: [one(3, 4, 2, dropout=0.3, bidirectional=True, inputs=x) for x in recurrent(r, 2)] + [
        one(3, 4, 2, proj_size=2, batch_first=True, inputs=x) for x in ([r(2, 5, 3)], [packed(r(5, 3, 3))])
    ],
    "RNNCell": lambda r: [one(5, 4, bias=False, inputs=x) for x in ([r(3, 5)], [r(3, 5), r(3, 4)])],
    "GRUCell": lambda r: [one(5, 4, bias=False, inputs=x) for x in ([r(3, 5)], [r(3, 5), r(3, 4)])],
    "LSTMCell": lambda r: [one(5, 4, bias=False, inputs=x) for x in ([r(3, 5)], [r(3, 5), (r(3, 4), r(3, 4))])],
    "MultiheadAttention": lambda r: [
        one(8, 2, 0.3, batch_first=True, kdim=3, vdim=5, inputs=[r(2, 4, 8), r(2, 6, 3), r(2, 6, 5)], named=named) for named in masks(4, 6, r)
    ] + [
        one(8, 2, 0.3, add_bias_kv=True, add_zero_attn=True, inputs=[r(4, 2, 8), r(6, 2, 8), r(6, 2, 8)], named=named) for named in masks(4, 6, r)
    ],
    "TransformerEncoderLayer": lambda r: [
        one(8, 2, 12, 0.3, "gelu", 1e-3, batch_first, norm_first, inputs=[r(3, 3, 8)], named=dict(src_mask=causal(3, r), is_causal=True))
        for batch_first, norm_first in ((True, False), (False, True))
    ],
    "TransformerDecoderLayer": lambda r: [
        one(8, 2, 12, 0.3, "gelu", 1e-3, batch_first, norm_first, inputs=[r(3, 3, 8), r(3, 3, 8)], named=dict(tgt_mask=causal(3, r), tgt_is_causal=True))
        for batch_first, norm_first in ((True, False), (False, True))
    ],
    "Transformer": lambda r: [one(8, 2, 2, 2, 12, 0.3, batch_first=True, inputs=[r(2, 4, 8), r(2, 3, 8)], named=dict(tgt_mask=causal(3, r)))],
    "RReLU": lambda r: [one(0.1, 0.4, inputs=[r(4, 5)])],
    "Hardsigmoid": lambda r: [one(inputs=[r(4, 5) * 4])],
    "TransformerDecoder": lambda r: [
        one(decoder_layer(r, norm_first), 2, nn.LayerNorm(8) if norm else None, inputs=[r(2, 3, 8), r(2, 5, 8)], named=dict(
            tgt_mask=causal(3, r), memory_key_padding_mask=torch.tensor([[False] * 5, [False] * 3 + [True] * 2])))
        for norm_first, norm in ((False, False), (True, True))
    ],
    "CrossMapLRN2d": lambda r: [one(3, inputs=[r(2, 5, 3, 4)]), one(4, 0.1, 0.5, 2, inputs=[r(2, 7, 3, 4)]), one(5, 0.1, inputs=[r(2, 2, 3, 4)])],
    "LocalResponseNorm": lambda r: [one(4, 0.1, 0.5, 2.0, inputs=[r(2, 7, 3, 2, 2)])],
    "RMSNorm": lambda r: [one(5, inputs=[r(2, 3, 5)])],
    "PReLU": lambda r: [one(3, 0.1, inputs=[r(2, 3, 4)])],
    "GELU": lambda r: [one("tanh", inputs=[r(4, 5) * 3])],
    "GLU": lambda r: [one(0, inputs=[r(4, 5)])],
    "Hardtanh": lambda r: [one(-2.0, 0.5, inputs=[r(4, 5) * 3])],
    "AdaptiveLogSoftmaxWithLoss": lambda r: [
        one(8, 12, [4, 8], inputs=[r(6, 8), torch.randint(12, (6,))]), one(8, 12, [4, 8], inputs=[r(8), torch.tensor(5)]),
        one(9, 12, [2, 5, 8], 2.0, True, inputs=[r(7, 9), torch.randint(12, (7,))]),
    ],
    "SmoothL1Loss": lambda r: [one(beta=beta, inputs=[r(4, 5), r(4, 5)]) for beta in (0.3, 0.0)],
    "HuberLoss": lambda r: [one(delta=0.3, inputs=[r(4, 5), r(4, 5)])],
    "GaussianNLLLoss": lambda r: [
        one(full=True, eps=0.2, inputs=[r(4, 3), r(4, 3), r(4).abs()]), one(full=True, reduction="sum", inputs=[r(4, 3), r(4, 3), r(4, 3).abs()]),
    ],
    "PoissonNLLLoss": lambda r: [one(False, True, eps=1e-3, inputs=[r(4, 5).abs(), r(4, 5).abs() * 3])],
    "BCEWithLogitsLoss": lambda r: [one(weight=r(5).abs(), pos_weight=r(5).abs(), inputs=[r(4, 5), r(4, 5).sigmoid()])],
    "CrossEntropyLoss": lambda r: [
        one(weight=r(4).abs(), label_smoothing=0.2, inputs=[r(3, 4, 2), r(3, 4, 2).softmax(1)]), one(inputs=[r(4), torch.tensor(2)]),
    ],
    "LinearCrossEntropyLoss": lambda r: [
        one(5, 4, bias=True, out_features=(3,), inputs=[r(6, 5), r(6, 4, 3).softmax(1)]), one(5, 4, inputs=[r(5), torch.tensor(1)]),
    ],
    "NLLLoss": lambda r: [one(inputs=[r(4).log_softmax(0), torch.tensor(1)])],
    "MultiMarginLoss": lambda r: [one(2, 0.5, r(4).abs(), inputs=[r(4), torch.tensor(3)])],
    "CosineEmbeddingLoss": lambda r: [one(0.2, inputs=[r(5), r(5), torch.tensor(-1)])],
    "CTCLoss": lambda r: [
        one(zero_infinity=True, inputs=[r(6, 2, 4).log_softmax(2), torch.tensor([[1, 2, 0, 0], [3, 3, 3, 3]]), [6, 3], [2, 4]]),
        one(3, reduction="sum", inputs=[r(6, 2, 4).log_softmax(2), torch.tensor([1, 2, 0, 2, 2]), torch.tensor([6, 5]), torch.tensor([2, 3])]),
        one(inputs=[r(6, 4).log_softmax(1), torch.tensor([1, 3, 3]), [6], [3]]),
    ],
    "WeightNorm": lambda r: [
        one("Linear", 3, 4, settings=dict(dim=dim), inputs=[r(2, 3)]) for dim in (0, 1, None)
    ] + [one("Conv2d", 2, 3, 2, inputs=[r(2, 2, 4, 3)])],
    "SpectralNorm": lambda r: [
        one("Linear", 3, 4, inputs=[r(2, 3)]),
        one("ConvTranspose2d", 2, 3, 2, settings=dict(dim=1, n_power_iterations=2, eps=0.1), inputs=[r(2, 2, 4, 3)]),
    ],
    "ParameterList": lambda r: [],
}


def space(n):
    """Returns the sizes of n dimensions."""
    return [7, 6, 5][:n]


def convolutions(n, r):
    x = r(2, 2, *space(n))
    yield one(2, 4, 3, 2, 1, 2, 2, False, "reflect", inputs=[x])
    yield one(2, 4, 3, (2, 1, 2)[:n], (1, 2, 0)[:n], (1, 2, 1)[:n], inputs=[x[0].clone()])
    for mode in "replicate", "circular":
        yield one(2, 4, (2, 3, 3)[:n], padding=(2, 1, 2)[:n], padding_mode=mode, inputs=[x])
    for mode in "circular", "zeros":
        yield one(2, 4, (2, 4, 3)[:n], padding="same", dilation=(2, 1, 1)[:n], padding_mode=mode, inputs=[x])
    yield one(2, 4, 3, padding="valid", groups=2, inputs=[x])


def transposed(n, r):
    x = r(2, 2, *space(n))
    yield one(2, 4, 3, 2, 1, 1, 2, False, 2, inputs=[x])
    yield one(2, 4, (2, 3, 3)[:n], (3, 1, 2)[:n], (0, 2, 1)[:n], (2, 0, 1)[:n], dilation=(1, 2, 1)[:n], inputs=[x[0].clone()])
    yield one(2, 4, 3, 2, 1, inputs=[x], named=dict(output_size=[2 * size for size in space(n)]))


def averages(n, r):
    yield one(3, 2, 1, True, False, inputs=[r(2, 2, *space(n))])
    yield one((3, 2, 2)[:n], (2, 1, 3)[:n], (1, 0, 1)[:n], inputs=[r(2, *space(n))])


def maxima(n, r):
    yield one(3, 2, 1, 2, True, True, inputs=[r(2, 2, *space(n))])
    yield one((3, 2, 2)[:n], (2, 1, 3)[:n], (1, 0, 1)[:n], inputs=[r(2, *space(n))])


def unpools(n, r):
    for settings, size in (((3, 2, 1), (7, 5, 5)), ((2,), (6, 4, 2)), ((2,), (7, 6, 5))):
        pool = getattr(nn, f"MaxPool{n}d")(*settings, return_indices=True)
        odd = settings == (2,) and size[0] % 2  # sizes that do not follow from the pool's
        yield one(*settings, inputs=list(pool(r(2, 2, *size[:n]))), named=dict(output_size=list(size[:n])) if odd else {})


def norms(n, r):
    x = r(2, 2, *space(n))
    yield one(float("inf"), 3, 2, True, inputs=[x])
    yield one(float("-inf"), (2, 3, 2)[:n] if n > 1 else 2, inputs=[x])
    yield one(3.0, 3, 2, inputs=[x.abs().detach()])
    yield one(2, (2, 3, 2)[:n] if n > 1 else 2, inputs=[x[0].clone()])


def fractions(n, r):
    yield one(2, output_ratio=(0.5, 0.6, 0.7)[:n], inputs=[r(2, 2, *space(n))])
    yield one((2, 3, 2)[:n], (4, 3, 2)[:n], return_indices=True, inputs=[r(2, *space(n))])


spatial = dict(Conv=convolutions, ConvTranspose=transposed, AvgPool=averages, MaxPool=maxima, MaxUnpool=unpools, LPPool=norms, FractionalMaxPool=fractions)
for kind, produce in spatial.items():
    for n in (1, 2, 3):
        if hasattr(nn, f"{kind}{n}d"):
            others[f"{kind}{n}d"] = lambda r, produce=produce, n=n: list(produce(n, r))
for n in (1, 2, 3):
    others[f"AdaptiveMaxPool{n}d"] = lambda r, n=n: [one(3, return_indices=True, inputs=[r(4, *space(n))])]


def parametrized(parametrization):
    def make(kind, *args, settings={}, dtype):
        return parametrization(getattr(nn, kind)(*args, dtype=dtype), **settings)

    return make


wrappers = dict(WeightNorm=parametrized(parametrizations.weight_norm), SpectralNorm=parametrized(parametrizations.spectral_norm))


def packed(x):
    return pack_padded_sequence(x.detach(), torch.tensor([2, 5, 3]), enforce_sorted=False)


def recurrent(r, states):
    """Yields inputs of a recurrent module of 3 to 4 features, 2 layers and 2 directions."""
    yield [r(5, 3, 3)]
    for x in r(5, 3, 3), packed(r(5, 3, 3)):
        h = [r(4, 3, 4) for _ in range(states)]
        yield [x, h[0] if states == 1 else tuple(h)]


def causal(n, r):
    return nn.Transformer.generate_square_subsequent_mask(n, dtype=r(1).dtype)


def masks(queries, keys, r):
    """Yields arguments of an attention over a batch of 2 with 2 heads."""
    padding = torch.tensor([[False] * keys, [False] * (keys - 2) + [True] * 2])
    yield dict(key_padding_mask=padding)
    yield dict(key_padding_mask=padding, need_weights=False)
    yield dict(attn_mask=torch.randn(queries, keys, dtype=r(1).dtype), average_attn_weights=False)
    yield dict(attn_mask=torch.rand(4, queries, keys) > 0.8, key_padding_mask=padding)
    yield dict(attn_mask=torch.rand(queries, keys) > 0.8, need_weights=False)


def decoder_layer(r, norm_first):
    return nn.TransformerDecoderLayer(8, 2, 12, 0.0, batch_first=True, norm_first=norm_first, dtype=r(1).dtype)


cases, left_out, written = [], collections.Counter(), {}


def share(x):
    """Returns x with the elements of an equal tensor that share had, so that the file has them once."""
    if isinstance(x, torch.Tensor):
        x = x.detach()
        return written.setdefault((x.dtype, x.shape, x.numpy().tobytes()), x).detach()
    if isinstance(x, list):
        return [share(y) for y in x]
    return {k: share(y) for k, y in x.items()} if isinstance(x, dict) else x


def take(name, cls, produce):
    for dtype in (torch.float32, torch.float64) if options.all else (torch.float32,):
        for training in (True, False):
            torch.manual_seed(options.seed)
            given = produce(dtype, training)
            step = max(1, -(-len(given) // (options.most if options.all else 2)))
            left_out[name] += len(given) - len(given[::step])
            for i, g in enumerate(given[::step]):
                cases.append(share(case(name, cls, g, dtype, training, options.seed + i)))


for info in module_db:
    if info.name.startswith("nn.Lazy"):
        continue
    take(info.name.removeprefix("nn."), info.module_cls, lambda dtype, training: list(
        info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)))
for name, inputs in others.items():
    take(name, wrappers.get(name) or getattr(nn, name), lambda dtype, training: inputs(lambda *shape: torch.randn(shape, dtype=dtype)))

torch.save(dict(torch=torch.__version__.split("+")[0], seed=options.seed, cases=cases), options.file)
print(f"{options.file}: {len(cases)} cases of {len({c['module'] for c in cases})} modules, {options.file.stat().st_size / 1e6:.1f} MB; "
      f"left out: {dict(+left_out)}")
