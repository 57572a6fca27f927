# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Searches for the learning rate and the batch size of a network with Optuna 4 or 5.

usage: search_optuna.py DATA OUT [--network emotion] [--trials 20] [--epochs 50] [--seed N]

Each trial is one `etude train` in OUT/trial-N. A trial that does worse than the others is
stopped; it saves, so that `etude train NETWORK --out OUT/trial-N --resume` goes on from
there. The study is kept in OUT, so the same line goes on after an interrupt, and several
machines may run it at once on a network folder. $ETUDE names the program.
"""

import argparse
import os
import pathlib
import subprocess

import optuna
from optuna.storages import JournalStorage, journal

USAGE = 2  # a mistake of this script's, or of whoever calls it
STOPPED = 143  # by SIGTERM, and saved; 0 if it had ended already


def objective(trial):
    command = [
        os.environ.get("ETUDE", "etude"), "train", args.network, "--data", args.data,
        "--out", str(pathlib.Path(args.out, f"trial-{trial.number}")),
        "--metrics", "--epochs", str(args.epochs),
        "--lr", repr(trial.suggest_float("lr", 1e-5, 1e-1, log=True)),
        "--batch-size", str(trial.suggest_categorical("batch_size", [16, 32, 64])),
    ]  # fmt: skip
    result, pruned = {}, False
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            metrics = {name: float(value) for name, value in (pair.split("=") for pair in line.split())}
            if "epoch" not in metrics:
                result = metrics
            elif "val_loss" in metrics:
                trial.report(metrics["val_loss"], int(metrics["epoch"]))
                if pruned := trial.should_prune():
                    process.terminate()
                    break
        code = process.wait()
    if pruned and code in (0, STOPPED):
        raise optuna.TrialPruned()
    if code == USAGE:
        raise ValueError("wrong usage stays wrong")
    if code:
        raise subprocess.CalledProcessError(code, command)
    return result["val_loss"]


parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("out")
parser.add_argument("--network", default="emotion")
parser.add_argument("--trials", type=int, default=20)
parser.add_argument("--epochs", type=int, default=50)
parser.add_argument("--seed", type=int)  # of what is tried; another one for each time and machine
args = parser.parse_args()
pathlib.Path(args.out).mkdir(parents=True, exist_ok=True)
study = optuna.create_study(
    study_name=args.network,
    storage=JournalStorage(journal.JournalFileBackend(str(pathlib.Path(args.out, "study.log")))),
    load_if_exists=True,
    sampler=optuna.samplers.TPESampler(seed=args.seed),
    pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=2),
)
# A trial that diverges has failed, and the study goes on.
study.optimize(objective, n_trials=args.trials, catch=(subprocess.CalledProcessError,))
for t in study.trials:
    print(t.number, t.state.name, t.value, t.params)
if study.get_trials(states=[optuna.trial.TrialState.COMPLETE]):
    print("best:", study.best_value, study.best_params)
