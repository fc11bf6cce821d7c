"""Encodes and decodes a small dict by the extension, to be counted: only what is within
codec_encode and codec_decode. Started by scripts/check-instructions.

    count_python.py EXTENSION COUNT
"""

import importlib.machinery
import importlib.util
import sys


def load(path):
    loader = importlib.machinery.ExtensionFileLoader("_runtime", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("_runtime", loader))
    loader.exec_module(module)
    return module


def other(*_):
    raise TypeError("no other types are in it")


def main():
    runtime, count = load(sys.argv[1]), int(sys.argv[2])
    value = {"name": "a small dict", "count": 70000, "share": 0.25, "good": True,
             "ids": [0, 100, 200, 300, 400, 500, 600, 700]}
    for _ in range(count):
        body, buffers = runtime.encode(value, other)
        if runtime.decode(body, buffers, other) != value:
            sys.exit("count: not what was encoded")


main()
