# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Fails if Katib's models (kubeflow-katib-api 0.19.0) do not know a field of the experiment
on standard input: they leave out what they do not know."""

import sys

import yaml
from kubeflow_katib_api.models import V1beta1Experiment

given = yaml.safe_load(sys.stdin)
known = V1beta1Experiment.from_dict(given).to_dict()
if known != given:
    sys.exit(f"Katib reads it as {known}")
