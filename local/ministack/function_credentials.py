"""A function's credentials are a role session that expires and says whose it is, as on AWS.

MiniStack's have no expiry, and its verifier of RDS tokens refuses such sessions. The session's keys stay the
same as long as the function and its role do, so the expiry moves on with every event.

Requests with these credentials carry `lambda:SourceFunctionArn`, by which a policy keeps from a function's code
what its role has for the Lambda service. Source: Lambda Developer Guide, "Using source function ARN to control
function access behavior".
"""

from __future__ import annotations

import time
from typing import Any

from ministack.core import iam_evaluator, lambda_runtime
from ministack.services import lambda_svc, sts

# Longer than a working day: a process that keeps its keys for longer would be refused, as it would be on AWS.
LIFETIME_SECONDS = 12 * 3600


def install() -> None:
    """Give each function's session an end and a source."""
    issue, principal_keys = lambda_runtime.execution_credentials, iam_evaluator._principal_keys

    def issue_with_expiry(config: dict[str, Any]) -> dict[str, str]:
        credentials: dict[str, str] = issue(config)
        access_key = credentials["AWS_ACCESS_KEY_ID"]
        renew(access_key)
        if access_key in sts._sessions:
            sts._sessions[access_key]["SourceFunctionArn"] = ":".join(config["FunctionArn"].split(":")[:7])
        return credentials

    def keys_with_source(credential: Any) -> dict[str, Any]:
        keys: dict[str, Any] = principal_keys(credential)
        source = (sts._sessions.get(credential.access_key_id) or {}).get("SourceFunctionArn")
        return {**keys, "lambda:sourcefunctionarn": source} if source else keys

    iam_evaluator._principal_keys = keys_with_source
    lambda_runtime.execution_credentials = issue_with_expiry
    lambda_svc.execution_credentials = issue_with_expiry


def renew(access_key: str) -> None:
    """Move the end of a function's session on; a key that is no session's is left alone."""
    session = sts._sessions.get(access_key)
    if session is not None:
        session["Expiration"] = time.time() + LIFETIME_SECONDS
