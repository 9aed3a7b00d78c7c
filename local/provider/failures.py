"""How a failure is told: what, which resource, AWS's code and message, never a secret."""

from __future__ import annotations

import re

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from local.errors import LocalError

# Values that AWS's messages may quote.
_SECRETS = (
    re.compile(r"(?i)((?:password|secret(?:string|_?key)?|token|private[_-]?key)[\"']?\s*[:=]\s*[\"']?)[^\"',\s}]+"),
    re.compile(r"(?i)(X-Amz-(?:Signature|Security-Token|Credential)=)[^&\s]+"),
    re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)[\s\S]*?(-----END)"),
)


def words(about: str, error: BaseException) -> str:
    """The message of a failed call on `about`, a URN or a name."""
    parts = about.split("::")
    where = f'{parts[2].rpartition("$")[2]} "{parts[3]}"' if len(parts) >= 4 else about
    return f"{where}: {masked(_message(error))}"


def masked(text: str) -> str:
    """The text without what looks like a secret."""
    for pattern in _SECRETS:
        text = pattern.sub(lambda match: f"{match.group(1)}***{match.group(2) if match.re.groups > 1 else ''}", text)
    return text


def _message(error: BaseException) -> str:
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        return f"{error.operation_name} failed: {told.get('Code', 'Unknown')}: {told.get('Message', '')}"
    if isinstance(error, LocalError):
        return str(error)
    if isinstance(error, ParamValidationError):
        # Its report quotes values.
        return "the call to AWS was malformed: " + re.sub(r"value: .*?, type", "value: ***, type", str(error))
    if isinstance(error, BotoCoreError):
        return f"AWS could not be reached: {type(error).__name__}: {error}"
    return f"{type(error).__name__}: {error}"
