# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Prints what PyTorch says of every aten operator: which arguments it writes to, which
ones a result may share, and whether it draws random numbers, one JSON object
by full name.

usage: gen_schemas.py
"""

import json

import torch

known = {}
for schema in torch._C._jit_get_all_schemas():
    if not schema.name.startswith("aten::"):
        continue
    packet = getattr(torch.ops.aten, schema.name.removeprefix("aten::"), None)
    try:
        torch._C._dispatch_find_schema_or_throw(schema.name, schema.overload_name)
        op = getattr(packet, schema.overload_name or "default")
    except (AttributeError, RuntimeError):
        continue  # TorchScript's own operators, which the dispatcher does not know
    schema = op._schema
    known[schema.name + ("." + schema.overload_name if schema.overload_name else "")] = {
        "mutates": [a.name for a in schema.arguments if a.alias_info and a.alias_info.is_write],
        "aliases": [a.name for a in schema.arguments if a.alias_info and not a.alias_info.is_write],
        "random": torch.Tag.nondeterministic_seeded in op.tags,
    }
print(json.dumps(known))
