"""One call of a function, and its answer."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from local.errors import LocalError

# Lambda takes its machinery from a function that nobody called for weeks. The next call fails without running it, and
# has the machinery made again, within two minutes by what people saw (Lambda Developer Guide, "Lambda function states";
# boto/boto3#3788 for the code that the API's reference does not name).
ASLEEP = frozenset(
    {
        "CodeArtifactUserPendingException",
        "ENINotReadyException",
        "ResourceConflictException",
        "ResourceNotReadyException",
    }
)
WAKING_SECONDS, PAUSE_SECONDS = 120.0, 5.0


def invoke(functions: Callable[[], Any], name: str, payload: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Call the function `name`, waiting for its answer, and before that for it to wake up.

    `functions` gives a Lambda client and `payload` what to send, both anew for each try: sessions and proofs end.

    Raises:
        LocalError: it cannot be called or has not answered, and its cause is the SDK's error; or it failed.
    """
    waited = 0.0
    while True:
        try:
            return _once(functions(), name, payload())
        except LocalError as error:
            if _code(error.__cause__) not in ASLEEP:
                raise
            if waited >= WAKING_SECONDS:
                raise LocalError(
                    f"{name} does not wake up.",
                    why=f"Lambda has made nothing ready for it to run on in {waited:.0f} s: {error.__cause__}",
                    fix="Run it again in some minutes. If it stays so, who may deploy finds the reason by "
                    f"`aws lambda get-function-configuration --function-name {name}`.",
                ) from error.__cause__
        if not waited:
            # Standard output is the answer's.
            print(f"{name} was not called for weeks and is waking up; give it two minutes …", file=sys.stderr)
        time.sleep(PAUSE_SECONDS)
        waited += PAUSE_SECONDS


def _once(functions: Any, name: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    try:
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(dict(payload)).encode())
        content = json.loads(answer["Payload"].read())
    except ReadTimeoutError as error:
        raise LocalError(
            f"{name} has not answered in time.",
            why=str(error),
            fix="It may still be running; run it again, it goes on where it was.",
        ) from error
    except (BotoCoreError, ClientError, ValueError) as error:
        raise LocalError(
            f"{name} cannot be called.", why=str(error), fix="Is the stack up, and may you invoke it?"
        ) from error
    if "FunctionError" in answer or not isinstance(content, dict):
        why = content.get("errorMessage", "") if isinstance(content, dict) else ""
        raise LocalError(f"{name} failed.", why=why, fix="Its log has the rest.")
    return content


def _code(error: BaseException | None) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""
