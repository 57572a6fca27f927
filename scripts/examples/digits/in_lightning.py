# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""The same job in Lightning: in_lightning.py TABLE FOLDER.

No test runs it. It ran with lightning 2.6.6, torchmetrics 1.9.0, pandas 3.1.1, matplotlib 3.11.2
and what scripts/requirements-test.txt lists.
"""
import os
import sys

import lightning as L
import numpy as np
import onnxruntime
import pandas as pd
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.functional import accuracy

table, folder = sys.argv[1:]


class Digits(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)),
            nn.Conv2d(1, 16, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.25), nn.Linear(32 * 2 * 2, 10))

    def step(self, batch, prefix):
        x, y = batch
        logits = self.net(x)
        loss = nn.functional.cross_entropy(logits, y)
        self.log_dict({prefix + "loss": loss, prefix + "accuracy": accuracy(logits, y, "multiclass", num_classes=10)}, on_step=False, on_epoch=True)
        return loss

    def training_step(self, batch, _):
        return self.step(batch, "")

    def validation_step(self, batch, _):
        self.step(batch, "val_")

    def configure_optimizers(self):
        adam = torch.optim.Adam(self.parameters(), lr=3e-3)
        return [adam], [torch.optim.lr_scheduler.CosineAnnealingLR(adam, 20)]


digits = pd.read_csv(table)
x, y = digits.drop(columns="digit").to_numpy(np.float32), digits["digit"].to_numpy()
sets = [torch.from_numpy(a) for a in train_test_split(x, y, test_size=0.2, stratify=y, random_state=1)]
L.seed_everything(1)
best = ModelCheckpoint(folder, monitor="val_accuracy", mode="max", save_last=True)
trainer = L.Trainer(max_epochs=20, gradient_clip_val=1, callbacks=[best, EarlyStopping("val_accuracy", mode="max", patience=5)],
                    logger=CSVLogger(folder, "", ""), enable_progress_bar=False)
last = os.path.join(folder, "last.ckpt")
trainer.fit(Digits(), DataLoader(TensorDataset(sets[0], sets[2]), 64, shuffle=True), DataLoader(TensorDataset(sets[1], sets[3]), 64),
            ckpt_path=last if os.path.exists(last) else None)
history = pd.read_csv(os.path.join(folder, "metrics.csv")).groupby("epoch").first()
history[["loss", "val_loss", "accuracy", "val_accuracy"]].plot(subplots=True).flat[0].figure.savefig(os.path.join(folder, "history.png"))
net = Digits.load_from_checkpoint(best.best_model_path).net.cpu().eval()
path = os.path.join(folder, "digits.onnx")
torch.onnx.export(net, sets[1][:2], path, input_names=["input"], output_names=["output"], dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}}, dynamo=False)
ours = onnxruntime.InferenceSession(path).run(None, {"input": sets[1].numpy()})[0]
print("largest difference to ONNX Runtime:", np.abs(ours - net(sets[1]).detach().numpy()).max(), history["val_accuracy"].max())
