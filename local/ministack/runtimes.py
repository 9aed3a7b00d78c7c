"""Each Lambda runtime has its own interpreter: `MS_PY_python3_13=/path/to/python`."""

from __future__ import annotations

import os


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
