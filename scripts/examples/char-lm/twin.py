# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""The same in PyTorch: twin.py ORDERS prints losses and metrics as JSON."""

import json
import math
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

WINDOW = 48


class Letters(nn.Module):
    def __init__(self, letters, size):
        super().__init__()
        self.letter, self.place = nn.Embedding(letters, size), nn.Embedding(WINDOW, size)
        layer = nn.TransformerEncoderLayer(size, 4, 4 * size, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(size), enable_nested_tensor=False)
        self.out = nn.Linear(size, letters)

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        return self.out(self.encoder(self.letter(x) + self.place(torch.arange(x.shape[1])), mask, is_causal=True)).transpose(1, 2)


text = pathlib.Path(__file__).with_name("sonnets.txt").read_text()
alphabet = sorted(set(text))
last = text.rindex("\n\n") + 2
windows = lambda s: torch.tensor([alphabet.index(c) for c in s]).unfold(0, WINDOW + 1, 8)
train, val = windows(text[:last]), windows(text[last:])

torch.manual_seed(1)
model, losses, best = Letters(len(alphabet), 64), [], math.inf
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for order in json.load(open(sys.argv[1])):
    model.train()
    for batch in train[order].split(16):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(batch[:, :-1]), batch[:, 1:])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        best = min(best, F.cross_entropy(model(val[:, :-1]), val[:, 1:]).item())
print(json.dumps({"losses": losses, "metrics": {"perplexity": math.exp(best)}}))
