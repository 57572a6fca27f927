# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Writes twins.json: the losses of networks in PyTorch that TestTwins builds in Go.

Both sides draw their initial weights, data and noise from the same seed in the same order,
so nothing but the losses and the names in the state dicts is kept.

Run with PyTorch 2.15.0: python gen_twins.py

    python gen_twins.py STATES.pt OUTPUTS.pt

loads the state dict of each network, by its name, and writes what the networks return then.
"""

import json
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm
from torch.optim import Adam

STEPS = 50


class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.downsample = None
        if stride != 1 or i != o:
            self.downsample = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """For small pictures: the first convolution is 3 wide, and there is no pool behind it."""

    def __init__(self, width, classes):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        layer = lambda i, o, stride: nn.Sequential(Block(i, o, stride), Block(o, o, 1))
        self.layer1, self.layer2 = layer(width, width, 1), layer(width, 2 * width, 2)
        self.layer3, self.layer4 = layer(2 * width, 4 * width, 2), layer(4 * width, 8 * width, 2)
        self.fc = nn.Linear(8 * width, classes)

    def forward(self, x):
        x = self.layer4(self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x)))))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class UNet(nn.Module):
    def __init__(self, width):
        super().__init__()
        twice = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())
        self.down1, self.down2, self.middle = twice(1, width), twice(width, 2 * width), twice(2 * width, 4 * width)
        self.up2, self.side2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, 2), twice(4 * width, 2 * width)
        self.up1, self.side1 = nn.ConvTranspose2d(2 * width, width, 2, 2), twice(2 * width, width)
        self.out = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        y = self.up2(self.middle(F.max_pool2d(b, 2)))
        y = self.up1(self.side2(torch.cat([y, b], 1)))
        return self.out(self.side1(torch.cat([y, a], 1)))


class Translator(nn.Module):
    def __init__(self, words, model):
        super().__init__()
        self.source, self.target = nn.Embedding(words, model), nn.Embedding(words, model)
        self.transformer = nn.Transformer(model, 2, 2, 2, 32, dropout=0.0, batch_first=True)
        self.out = nn.Linear(model, words)

    def forward(self, x, y):
        mask = nn.Transformer.generate_square_subsequent_mask(y.shape[1])
        return self.out(self.transformer(self.source(x), self.target(y), tgt_mask=mask))


class Attending(nn.Module):
    """A sequence to a sequence by GRUs, with Luong's attention."""

    def __init__(self, words, hidden):
        super().__init__()
        self.embedding = nn.Embedding(words, hidden)
        self.encoder, self.decoder = nn.GRU(hidden, hidden, batch_first=True), nn.GRUCell(hidden, hidden)
        self.out = nn.Linear(2 * hidden, words)

    def forward(self, x, y):
        memory, h = self.encoder(self.embedding(x))
        h, logits = h[0], []
        for token in self.embedding(y).unbind(1):
            h = self.decoder(token, h)
            weights = torch.bmm(memory, h.unsqueeze(2)).softmax(1)
            logits.append(self.out(torch.cat([h, (weights * memory).sum(1)], 1)))
        return torch.stack(logits, 1)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.mean, self.spread = nn.Linear(20, 32), nn.Linear(32, 4), nn.Linear(32, 4)
        self.decoder = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 20))

    def forward(self, x):
        h = self.encoder(x).relu()
        mean, spread = self.mean(h), self.spread(h)
        return self.decoder(mean + (0.5 * spread).exp() * torch.randn_like(mean)), mean, spread


class Temporal(nn.Module):
    """A block of a temporal convolution net: it sees the past alone, ever further back."""

    def __init__(self, i, o, dilation):
        super().__init__()
        self.past = nn.ConstantPad1d((2 * dilation, 0), 0.0)
        self.conv1 = weight_norm(nn.Conv1d(i, o, 3, dilation=dilation))
        self.conv2 = weight_norm(nn.Conv1d(o, o, 3, dilation=dilation))
        self.side = nn.Conv1d(i, o, 1)

    def forward(self, x):
        y = self.conv2(self.past(self.conv1(self.past(x)).relu())).relu()
        return (y + self.side(x)).relu()


class LanguageModel(nn.Module):
    """One matrix embeds the words and finds them again."""

    def __init__(self, words, hidden):
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(words, hidden), nn.LSTM(hidden, hidden, 2, batch_first=True)
        self.out = nn.Linear(hidden, words)
        self.out.weight = self.embedding.weight

    def forward(self, x):
        return self.out(self.lstm(self.embedding(x))[0])


def descend(model, loss):
    """Returns the losses of STEPS steps of Adam."""
    optimizer, losses = Adam(model.parameters(), lr=1e-3), []
    for _ in range(STEPS):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses


def words(n, rows, columns):
    return torch.randint(0, n, (rows, columns))


# A twin is a network, a function that calls it, and one that trains it and returns the losses.

def resnet():
    model = ResNet18(8, 5)
    x, y = torch.randn(6, 3, 16, 16), torch.randint(0, 5, (6,))
    output = lambda: model(x)
    return model, output, lambda: descend(model, lambda: F.cross_entropy(output(), y))


def unet():
    model = UNet(4)
    x, y = torch.randn(2, 1, 16, 16), torch.rand(2, 1, 16, 16)
    output = lambda: model(x)
    return model, output, lambda: descend(model, lambda: F.binary_cross_entropy_with_logits(output(), y))


def following(logits, y):
    """The loss of words predicted from those before them."""
    return F.cross_entropy(logits.flatten(0, 1), y[:, 1:].flatten())


def transformer():
    model = Translator(15, 16)
    x, y = words(15, 4, 7), words(15, 4, 6)
    output = lambda: model(x, y[:, :-1])
    return model, output, lambda: descend(model, lambda: following(output(), y))


def attention():
    model = Attending(15, 16)
    x, y = words(15, 4, 7), words(15, 4, 6)
    output = lambda: model(x, y[:, :-1])
    return model, output, lambda: descend(model, lambda: following(output(), y))


def vae():
    model = VAE()
    x = torch.randn(16, 20)

    def loss():
        y, mean, spread = model(x)
        return F.mse_loss(y, x) - 0.05 * (1 + spread - mean ** 2 - spread.exp()).mean()
    return model, lambda: torch.cat(model(x), 1), lambda: descend(model, loss)


def gan():
    model = nn.ModuleDict(dict(
        maker=nn.Sequential(nn.Linear(4, 16), nn.LeakyReLU(0.2), nn.Linear(16, 2)),
        judge=nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))))
    maker, judge = model["maker"], model["judge"]
    real, one, zero = torch.randn(16, 2), torch.ones(16, 1), torch.zeros(16, 1)

    def train():
        making, judging = Adam(maker.parameters(), lr=1e-3), Adam(judge.parameters(), lr=1e-3)
        bce, losses = F.binary_cross_entropy_with_logits, []
        for _ in range(STEPS):
            made = maker(torch.randn(16, 4))
            judging.zero_grad()
            wrong = bce(judge(real), one) + bce(judge(made.detach()), zero)
            wrong.backward()
            judging.step()
            making.zero_grad()
            seen = bce(judge(made), one)
            seen.backward()
            making.step()
            losses.append(wrong.item() + seen.item())
        return losses
    return model, lambda: judge(maker(torch.randn(16, 4))), train


def temporal():
    model = nn.Sequential(Temporal(3, 8, 1), Temporal(8, 8, 2), nn.Conv1d(8, 2, 1))
    x, y = torch.randn(4, 3, 20), torch.randn(4, 2, 20)
    output = lambda: model(x)
    return model, output, lambda: descend(model, lambda: F.mse_loss(output(), y))


def language():
    model = LanguageModel(20, 16)
    x = words(20, 4, 9)
    output = lambda: model(x[:, :-1])
    return model, output, lambda: descend(model, lambda: following(output(), x))


twins = (resnet, unet, transformer, attention, vae, gan, temporal, language)
if len(sys.argv) == 3:
    states, outputs = torch.load(sys.argv[1], weights_only=True), {}
    for make in twins:
        torch.manual_seed(1)
        model, output, _ = make()
        model.load_state_dict(states[make.__name__], strict=True)
        model.eval()
        torch.manual_seed(2)
        outputs[make.__name__] = output().detach()
    torch.save(outputs, sys.argv[2])
else:
    results = {}
    for make in twins:
        torch.manual_seed(1)
        model, _, train = make()
        results[make.__name__] = dict(losses=train(), names=list(model.state_dict()))
    pathlib.Path(__file__).with_name("twins.json").write_text(json.dumps(results, separators=(",", ":")) + "\n")
