# Copyright 2026 The Etude authors
# SPDX-License-Identifier: MIT
"""Runs scripts for RunPython, each in a fork of a process that has imported torch.

To import torch takes longer than most scripts do. A line of standard input is a script as
JSON; the answer to it is a line with the script's exit code.
"""
import json
import os
import re
import runpy
import sys
import traceback


def run(request):
    """Replaces this process by the script, as `python script args` would be it."""
    for fd, name in ((0, os.devnull), (1, request["stdout"]), (2, request["stderr"])):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT, 0o600), fd)
    os.chdir(request["dir"])
    os.environ.clear()
    os.environ.update(entry.split("=", 1) for entry in request["env"])
    sys.argv = request["argv"]
    script = os.path.abspath(sys.argv[0])
    sys.path[0] = os.path.dirname(script)
    code = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        code = end.code
        if not isinstance(code, int | None):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


for line in sys.stdin:
    request = json.loads(line)
    with open(os.path.join(request["dir"], request["argv"][0])) as script:
        text = script.read()
    if re.search(r"^(import|from) torch\b", text, re.M):
        import torch  # noqa: F401
    if "torch.optim" in text:
        import torch._dynamo  # noqa: F401, which the first optimizer would import
    child = os.fork()
    if child == 0:
        run(request)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
