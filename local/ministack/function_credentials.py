"""A function's credentials are a role session that expires, as on AWS.

MiniStack's have no expiry, and its verifier of RDS tokens refuses such sessions. The session's keys stay the
same as long as the function and its role do, so the expiry moves on with every process that starts.
"""

from __future__ import annotations

import time
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc, sts

# Longer than a working day: a process that keeps its keys for longer would be refused, as it would be on AWS.
LIFETIME_SECONDS = 12 * 3600


def install() -> None:
    """Give each function's session an end."""
    issue = lambda_runtime.execution_credentials

    def issue_with_expiry(config: dict[str, Any]) -> dict[str, str]:
        credentials: dict[str, str] = issue(config)
        renew(credentials["AWS_ACCESS_KEY_ID"])
        return credentials

    lambda_runtime.execution_credentials = issue_with_expiry
    lambda_svc.execution_credentials = issue_with_expiry


def renew(access_key: str) -> None:
    """Move the end of a function's session on; a key that is no session's is left alone."""
    session = sts._sessions.get(access_key)
    if session is not None:
        session["Expiration"] = time.time() + LIFETIME_SECONDS
