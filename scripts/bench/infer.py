# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Runs ONNX files in Python's onnxruntime with one thread, on demand, and says how long a
run took.

Says that it is ready, reads lines "PATH VARIANT CALLS" and answers each with the nanoseconds
of the calls, as a list in JSON. The input is a row of zeros. Variants: run passes arrays and
gets arrays, bound is an IOBinding whose output onnxruntime allocates once.
"""

import gc
import json
import sys
import time

import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
gc.disable()
calls = {}
print("ready", flush=True)
for line in sys.stdin:
    path, variant, n = line.split()
    if path not in calls:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        x = session.get_inputs()[0]
        feeds = {x.name: np.zeros([1, x.shape[1]], np.float32)}
        binding = session.io_binding()
        binding.bind_cpu_input(x.name, feeds[x.name])
        binding.bind_output(session.get_outputs()[0].name)
        calls[path] = {
            "run": lambda session=session, feeds=feeds: session.run(None, feeds),
            "bound": lambda session=session, binding=binding: session.run_with_iobinding(binding),
        }
    call, times = calls[path][variant], []
    for _ in range(int(n)):
        start = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - start)
    print(json.dumps(times), flush=True)
