"""Each Lambda runtime has its own interpreter: `MS_PY_python3_13=/path/to/python`.

MiniStack runs every function on the server's interpreter, with the server's packages, so a dependency
missing from a function's zip goes unnoticed.
"""

from __future__ import annotations

import os

from ministack.core import lambda_runtime


def install() -> None:
    """Choose the interpreter by runtime; refuse a Python runtime that has none."""
    detect = lambda_runtime._detect_runtime_binary

    def detect_with_interpreter(runtime: str) -> tuple[str, str]:
        binary, script = detect(runtime)
        if not runtime.startswith("python"):
            return binary, script
        return interpreter(runtime), script

    lambda_runtime._detect_runtime_binary = detect_with_interpreter


def interpreter(runtime: str) -> str:
    """The interpreter of a runtime such as `python3.13`.

    Raises:
        RuntimeError: none is configured. It becomes the invocation's error, which is where it is looked for.
    """
    variable = f"MS_PY_{runtime.replace('.', '_')}"
    binary = os.environ.get(variable)
    if not binary:
        raise RuntimeError(f"The local AWS has no interpreter for runtime {runtime}: start it with {variable}=/path.")
    return binary
