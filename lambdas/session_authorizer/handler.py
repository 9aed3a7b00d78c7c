"""The HTTP API's Lambda authorizer: payload format 2.0, simple response, cached by the `Authorization` header.

A refusal is cached too. So a key that cannot be read now is an error (the caller sees 500 and tries again) and never a
refusal, which would lock a good token out until the cache forgets it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas.runtime.observability import begin_invocation, count, end_invocation, log
from lambdas.runtime.tokens import KeyUnreachable, TokenRefused
from lambdas.session_authorizer.adapters import build_verifier
from lambdas.session_authorizer.logic import session_of

_verifier = cache(build_verifier)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    begin_invocation(
        request_id=str((event.get("requestContext") or {}).get("requestId", "")),
        lambda_request_id=getattr(context, "aws_request_id", ""),
    )
    try:
        claims = session_of(_authorization(event), _verifier())
    except TokenRefused as error:
        log().info("session refused", reason=str(error))
        count("SessionsRefused")
        return {"isAuthorized": False, "context": {}}
    except KeyUnreachable:
        log().exception("session key unreachable")
        count("SessionKeyUnreachable")
        raise
    finally:
        end_invocation()
    return {"isAuthorized": True, "context": claims.for_authorizer()}


def _authorization(event: dict[str, Any]) -> str:
    sources = event.get("identitySource") or []
    if isinstance(sources, list) and sources:
        return str(sources[0])
    headers = {str(name).lower(): value for name, value in (event.get("headers") or {}).items()}
    return str(headers.get("authorization", ""))
