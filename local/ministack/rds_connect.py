"""`POST /_rendio/rds-connect`: may the bearer of this token log in as this database user?

RDS for Postgres takes an IAM token as a password. MiniStack can verify such tokens and decide
`rds-db:connect`, but asks both only for its MySQL plugin. The front before the embedded Postgres asks here.

Request: `{"token", "hostname", "port", "user", "region", "account_id"}`; hostname and port are what the
database advertises, from the front's own configuration, never from the client.
Answer: 200 `{"allowed": bool, "reason": code}`, 400 for what is no such request. Neither the answer nor a
log line holds the token.
"""

from __future__ import annotations

import json
from typing import Any

from ministack import app as upstream
from ministack.core import iam_evaluator, rds_iam
from ministack.core.responses import request_scope

PATH = "/_rendio/rds-connect"
# Any database of the account: names of resources that AWS generates do not enter our policies.
_RESOURCE = "arn:aws:rds-db:{region}:{account}:dbuser:db-LOCAL/{user}"
_FIELDS = {"token": str, "hostname": str, "port": int, "user": str, "region": str, "account_id": str}
_LARGEST = 70 * 1024


def install() -> None:
    """Serve the route."""
    serve = upstream.app

    async def serving(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            await _answer(receive, send)
        else:
            await serve(scope, receive, send)

    upstream.app = serving


async def _answer(receive: Any, send: Any) -> None:
    question = _parse(await _body(receive))
    if question is None:
        status, answer = 400, {"allowed": False, "reason": "InvalidRequest"}
    else:
        reason = decide(**question)
        status, answer = 200, {"allowed": reason == "Allowed", "reason": reason}
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


def decide(*, token: str, hostname: str, port: int, user: str, region: str, account_id: str) -> str:
    """`Allowed`, or the code of the first thing that stands against it."""
    verified = rds_iam.verify_rds_iam_token(
        token, hostname=hostname, port=port, db_user=user, region=region, account_id=account_id
    )
    if isinstance(verified, rds_iam.RdsIamTokenError):
        return str(verified.code)
    with request_scope(account_id, region):
        principal = iam_evaluator.resolve_principal(verified.access_key_id, account_id)
        if isinstance(principal, iam_evaluator.AuthError):
            return str(principal.code)
        if principal.policies is None:
            return "Allowed"  # the account's root
        request = iam_evaluator.EvalContext(
            principal_arn=principal.arn,
            principal_type=principal.type,
            principal_account=principal.account,
            action="rds-db:connect",
            resource_arn=_RESOURCE.format(region=region, account=account_id, user=user),
            region=region,
            principal_keys=principal.keys,
        )
        decision = str(iam_evaluator.evaluate(request, principal.policies, *principal.limits).decision)
    return "Allowed" if decision == "Allow" else decision


async def _body(receive: Any) -> bytes:
    body = b""
    while len(body) <= _LARGEST:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body


def _parse(body: bytes) -> dict[str, Any] | None:
    try:
        question = json.loads(body) if len(body) <= _LARGEST else None
    except ValueError:
        return None
    if not isinstance(question, dict) or question.keys() != _FIELDS.keys():
        return None
    return question if all(type(question[name]) is kind for name, kind in _FIELDS.items()) else None
