# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Searches for the learning rate and the batch size of a network with Ray Tune.

usage: search_ray.py DATA OUT [--network emotion] [--trials 20] [--epochs 50]

Each trial is one `etude train` in OUT/TRIAL, which runs on any machine of the cluster, so DATA
and OUT lie where all of them find them. ASHA stops trials that do worse than the others;
they save. $ETUDE names the program.
"""

import argparse
import os
import pathlib
import subprocess

from ray import tune
from ray.tune.schedulers import ASHAScheduler


class Etude(tune.Trainable):
    """One training, an epoch for each step."""

    def setup(self, config):
        self.command = [
            config["etude"], "train", config["network"], "--data", config["data"],
            "--out", str(pathlib.Path(config["out"], self.trial_id)), "--resume",
            "--metrics", "--epochs", str(config["epochs"]),
            "--lr", repr(config["lr"]), "--batch-size", str(config["batch_size"]),
        ]  # fmt: skip
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        self.last = {}

    def step(self):
        for line in self.process.stdout:
            metrics = {name: float(value) for name, value in (pair.split("=") for pair in line.split())}
            self.last |= metrics
            if "epoch" in metrics:
                return metrics
        if code := self.process.wait():
            raise subprocess.CalledProcessError(code, self.command)
        return {**self.last, "done": True}  # of the best epoch

    def save_checkpoint(self, folder):
        return self.last  # the run folder is the checkpoint, and --resume in setup takes it

    def load_checkpoint(self, last):
        self.last = last

    def cleanup(self):
        self.process.terminate()  # it saves
        self.process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=os.path.abspath)
    parser.add_argument("out", type=os.path.abspath)
    parser.add_argument("--network", default="emotion")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=50)
    args = vars(parser.parse_args())
    trials = args.pop("trials")
    results = tune.Tuner(
        tune.with_resources(Etude, {"cpu": 1}),
        param_space=args | {
            "etude": os.environ.get("ETUDE", "etude"),
            "lr": tune.loguniform(1e-5, 1e-1),
            "batch_size": tune.choice([16, 32, 64]),
        },
        tune_config=tune.TuneConfig(
            metric="val_loss", mode="min", num_samples=trials,
            scheduler=ASHAScheduler(time_attr="epoch", grace_period=2, max_t=args["epochs"] + 1),
        ),
        run_config=tune.RunConfig(storage_path=args["out"], name="ray"),
    ).fit()  # fmt: skip
    for r in results:
        print(r.metrics.get("epoch"), r.metrics.get("val_loss"), r.error, r.config["lr"], r.config["batch_size"])
    best = results.get_best_result(scope="all")
    print("best:", best.metrics["val_loss"], best.config["lr"], best.config["batch_size"])
