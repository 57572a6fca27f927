# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Trains networks in JAX, on demand, all steps of a question in one scan.

Reads questions as cpp/step.cpp does, "jax STEPS BATCH LR LOSS IN LAYER...", and answers as
that does. The initial values are PyTorch's.
"""

import functools
import os
import re
import sys
import time

threads = int(sys.argv[1])
# XLA has no setting for the number of threads but this.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
if threads == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
try:
    import jax
    import jax.numpy as np
    import torch
except Exception as error:
    print(f"failed: {error}", flush=True)
    sys.exit(1)
print("ready", flush=True)

ACTIVATIONS = {"tanh": np.tanh, "relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "softmax": jax.nn.softmax}
LOSSES = {
    "mse": lambda h, y: np.mean((h - y) ** 2),
    "bce": lambda h, y: -np.mean(y * np.log(h) + (1 - y) * np.log(1 - h)),
    "kl": lambda h, y: np.sum(jax.scipy.special.xlogy(y, y) - y * np.log(h + 1e-8)) / len(h),
}


def forward(kinds, params, x):
    for kind, p in zip(kinds, params):
        if kind != "lstm":
            x = ACTIVATIONS[kind](x @ p[0].T + p[1])
            continue
        # One step from a state of zeros, which W_hh and the forget gate do not change.
        i, _, g, o = np.split(x @ p[0].T + (p[2] + p[3]), 4, axis=1)
        x = jax.nn.sigmoid(o) * np.tanh(jax.nn.sigmoid(i) * np.tanh(g))
    return x


def adam(lr, t, p, g, m, v):
    g = g + 1e-4 * p
    m, v = m + 0.1 * (g - m), 0.999 * v + 0.001 * g * g
    return p - lr / (1 - 0.9**t) * m / (np.sqrt(v) / np.sqrt(1 - 0.999**t) + 1e-8), m, v


class Training:
    def __init__(self, batch, lr, loss, width, *layers):
        torch.manual_seed(42)
        batch, width, lr = int(batch), int(width), float(lr)
        inputs, params = width, []
        kinds = [re.match("[a-z]+", word)[0] for word in layers]
        for kind, word in zip(kinds, layers):
            out = int(word[len(kind) :])
            made = torch.nn.LSTM(width, out) if kind == "lstm" else torch.nn.Linear(width, out)
            params.append([np.array(p.detach().numpy()) for p in made.parameters()])
            width = out
        i, f = np.arange(batch * inputs), np.arange(width)
        self.x = (i * 7919 % 1000 / 1000).reshape(batch, inputs).astype(np.float32)
        self.y = ((f * 7919 % 1000)[None, :] + (np.arange(batch) % 64)[:, None]) / np.float32(1064)
        zeros = jax.tree.map(np.zeros_like, params)
        self.state = params, zeros, zeros, np.float32(0)
        self.compiled = {}

        @functools.partial(jax.jit, static_argnums=3)
        def run(state, x, y, steps):
            def step(state, _):
                p, m, v, t = state
                value, g = jax.value_and_grad(lambda p: LOSSES[loss](forward(kinds, p, x), y))(p)
                flat = [jax.tree.leaves(tree) for tree in (p, g, m, v)]
                new = zip(*[adam(lr, t + 1, *each) for each in zip(*flat)])
                return (*(jax.tree.unflatten(jax.tree.structure(p), each) for each in new), t + 1), value

            return jax.lax.scan(step, state, None, steps)

        self.run = run

    def __call__(self, steps):
        if steps not in self.compiled:
            self.compiled[steps] = self.run.lower(self.state, self.x, self.y, steps).compile()
        start = time.perf_counter()
        losses = jax.block_until_ready(self.compiled[steps](self.state, self.x, self.y))[1]
        return (time.perf_counter() - start) / steps * 1e3, losses


trainings = {}
for line in sys.stdin:
    _, steps, *network = line.split()
    try:
        training = trainings.setdefault(tuple(network), None) or Training(*network)
        trainings[tuple(network)] = training
        ms, losses = training(5 if steps == "losses" else int(steps))
        print(*(losses if steps == "losses" else [ms]), flush=True)
    except Exception as error:
        print("failed:", str(error).split("\n")[0], flush=True)
