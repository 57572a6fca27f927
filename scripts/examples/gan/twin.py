# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""The same in PyTorch: twin.py STEPS prints losses and metrics as JSON."""

import json
import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

NOISE, BATCH, RADIUS = 4, 128, 2.0


def perceptron(i, o):
    return nn.Sequential(nn.Linear(i, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, o))


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.5, 0.999))


def ring(n):
    angle = torch.rand(n) * (2 * math.pi)
    return torch.stack([angle.cos(), angle.sin()], 1) * RADIUS + torch.randn(n, 2) * 0.1


torch.manual_seed(1)
maker, judge = perceptron(NOISE, 2), perceptron(2, 1)
making, judging = adam(maker), adam(judge)
real, fake, losses = torch.ones(BATCH, 1), torch.zeros(BATCH, 1), []
for _ in json.load(open(sys.argv[1])):
    points = maker(torch.randn(BATCH, NOISE))
    judging.zero_grad()
    judged = F.binary_cross_entropy_with_logits(judge(ring(BATCH)), real)
    judged = judged + F.binary_cross_entropy_with_logits(judge(points.detach()), fake)
    judged.backward()
    judging.step()
    making.zero_grad()
    fooled = F.binary_cross_entropy_with_logits(judge(points), real)
    fooled.backward()
    making.step()
    losses.append(judged.item() + fooled.item())
with torch.no_grad():
    points = maker(torch.randn(1000, NOISE))
near = ((points.norm(dim=1) - RADIUS).abs() < 0.3).float().mean().item()
angle = (torch.atan2(points[:, 1], points[:, 0]) + math.pi) / (2 * math.pi)
parts = (angle * 16).floor().clamp(0, 15).long().bincount(minlength=16)
covered = (parts >= len(points) // 64).float().mean().item()
print(json.dumps({"losses": losses, "metrics": {"near": near, "covered": covered}}))
