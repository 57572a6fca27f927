# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Validates a Kubernetes manifest on standard input against a version's schema."""

import sys

import kubernetes_validate
import yaml

version = sys.argv[1]
for document in yaml.safe_load_all(sys.stdin):
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.ValidationError as e:
        path = ".".join(map(str, e.path))
        sys.exit(f"{document.get('kind')}: {path}: {e.message}")
