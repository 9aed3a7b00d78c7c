"""`aws:PrincipalArn` of a role session is the role's ARN.

MiniStack gives the session's (`…:assumed-role/name/session`), so a statement that names the role with
`ArnEquals aws:PrincipalArn` never matches. Source: IAM User Guide, "AWS global condition context keys",
aws:PrincipalArn: for assumed-role sessions the request context has the ARN of the role that was assumed.
"""

from __future__ import annotations

from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam


def install() -> None:
    """Answer aws:PrincipalArn with the role."""
    resolve = iam_evaluator._resolve_condition_key

    def resolve_with_role(key: str, ctx: Any) -> Any:
        if key.lower() == "aws:principalarn" and ":assumed-role/" in ctx.principal_arn:
            return _role_arn(ctx.principal_arn)
        return resolve(key, ctx)

    iam_evaluator._resolve_condition_key = resolve_with_role


def _role_arn(session_arn: str) -> str:
    account, name = session_arn.split(":")[4], session_arn.split("/")[1]
    role = iam._roles.get_scoped(account, None, name) or {}
    # The role's own ARN has its path, which a session's does not.
    return str(role.get("Arn") or f"arn:aws:iam::{account}:role/{name}")
