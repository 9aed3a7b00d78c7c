"""One call of a function, and its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.errors import LocalError


def invoke(functions: Any, name: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Call the function `name` by this Lambda client, waiting for it, once.

    Raises:
        LocalError: it cannot be called, and its cause is the SDK's error; or it failed.
    """
    try:
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(dict(payload)).encode())
        content = json.loads(answer["Payload"].read())
    except (BotoCoreError, ClientError, ValueError) as error:
        raise LocalError(
            f"{name} cannot be called.", why=str(error), fix="Is the stack up, and may you invoke it?"
        ) from error
    if "FunctionError" in answer or not isinstance(content, dict):
        why = content.get("errorMessage", "") if isinstance(content, dict) else ""
        raise LocalError(f"{name} failed.", why=why, fix="Its log has the rest.")
    return content
