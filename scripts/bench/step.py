# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Trains the five networks in PyTorch, on demand, and says how long a step took.

Prints one line of JSON, what it runs on, or "failed: REASON" and ends. Then it reads
lines "NETWORK VARIANT STEPS" and answers each with milliseconds a step, or with
"failed: REASON". Variants: default and fused are Adam's, run eagerly; compile is
fused Adam with the network and its loss through torch.compile(mode="reduce-overhead"),
which on CUDA replays CUDA graphs. Package gpucheck has it train in turn with our own
steps.
"""

import argparse
import json
import os
import pathlib
import platform
import sys
import time

# Answers go to standard output; what libraries print there joins their complaints.
answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def failed(error):
    """The first line of an error that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"failed: {type(error).__name__}: {lines[0] if lines else 'no reason given'}"


options = argparse.ArgumentParser()
options.add_argument("--device", default="cpu")
options.add_argument("--threads", type=int, required=True)
options = options.parse_args()

try:
    import torch

    if options.device.startswith("cuda"):
        # What is compiled asks the current device; and no other one is to be touched.
        torch.cuda.set_device(torch.device(options.device))
    torch.zeros(1, device=options.device)
except Exception as error:
    print(failed(error), file=answers)
    sys.exit(1)

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "models" / "testdata"))

from gen_networks import BATCH, NETWORKS, SEED

torch.set_num_threads(options.threads)
print(json.dumps({"python": platform.python_version(), "torch": torch.__version__}), file=answers)


def wait():
    if options.device.startswith("cuda"):
        torch.cuda.synchronize(options.device)


class Training:
    def __init__(self, network, variant):
        torch.manual_seed(SEED)
        cls, inputs, outputs, loss, lr = NETWORKS[network]
        model = cls().to(options.device)
        fused = None if variant == "default" else True
        self.adam = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=1e-4, fused=fused)
        self.x = torch.randn(BATCH, inputs).to(options.device)
        self.y = torch.rand(BATCH, outputs).to(options.device)
        self.compiled = variant == "compile"
        self.loss = lambda x, y: loss(model(x), y)
        if self.compiled:
            # Sizes are the network's own: else those of the second one seen count as
            # unknown, for all that come.
            self.loss = torch.compile(self.loss, mode="reduce-overhead", dynamic=False)

    def step(self):
        if self.compiled:
            torch.compiler.cudagraph_mark_step_begin()
        self.adam.zero_grad()
        loss = self.loss(self.x, self.y)
        loss.backward()
        self.adam.step()

    def time(self, steps):
        wait()
        start = time.perf_counter()
        for _ in range(steps):
            self.step()
        wait()
        return (time.perf_counter() - start) / steps * 1e3


trainings = {}
for line in sys.stdin:
    network, variant, steps = line.split()
    try:
        key = network, variant
        if key not in trainings:
            trainings[key] = Training(network, variant)
        print(trainings[key].time(int(steps)), file=answers)
    except Exception as error:
        print(failed(error), file=answers)
