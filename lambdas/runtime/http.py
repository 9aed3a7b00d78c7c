"""HTTP API events in, answers out (payload format 2.0), errors as RFC 9457 problems."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from lambdas.runtime.claims import Claims
from lambdas.runtime.errors import ApiError, ConfigurationError, InvalidRequest, Unavailable
from lambdas.runtime.observability import begin_invocation, count, count_by, end_invocation, log, took

Event = dict[str, Any]
Adapters = TypeVar("Adapters")

MAXIMUM_JSON_BYTES = 16 * 1024
# By it whoever asked and support name the request, and find what it set going (`make insights NAME=request`).
REQUEST_ID_HEADER = "x-request-id"


@dataclass(frozen=True)
class HttpEvent:
    """A request. Header names are in lower case; `session` is what the authorizer found out, or nothing."""

    request_id: str
    path: str
    headers: Mapping[str, str]
    path_parameters: Mapping[str, str]
    body: bytes
    session: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, event: Event) -> HttpEvent:
        """Read a Lambda event of payload format 2.0.

        Raises:
            InvalidRequest: the body is marked base64 and is not.
        """
        context = event.get("requestContext") or {}
        authorizer = (context.get("authorizer") or {}).get("lambda") or {}
        return cls(
            request_id=str(context.get("requestId", "")),
            path=str(event.get("rawPath", "")),
            headers={str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()},
            path_parameters={str(name): str(value) for name, value in (event.get("pathParameters") or {}).items()},
            body=_body(event),
            session={str(name): str(value) for name, value in authorizer.items() if value is not None},
            query={str(name): str(value) for name, value in (event.get("queryStringParameters") or {}).items()},
        )

    def claims(self) -> Claims:
        """Who is asking, as the authorizer found.

        Raises:
            SessionRequired, SessionExpired: nobody whom we know.
        """
        claims = Claims.of_session(self.session)
        log().append_keys(auth_user_id=str(claims.sub))
        return claims

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            InvalidRequest: it is none, or is larger than any of ours.
        """
        if len(self.body) > MAXIMUM_JSON_BYTES:
            raise InvalidRequest(f"The body is larger than {MAXIMUM_JSON_BYTES} bytes.", code="body_too_large")
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            raise InvalidRequest("The body is not JSON.", code="invalid_json") from None
        if not isinstance(value, dict):
            raise InvalidRequest("The body is not a JSON object.", code="invalid_json")
        return value


def _body(event: Event) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("The body is not valid base64.", code="invalid_body") from None


@dataclass(frozen=True)
class Response:
    """An answer; `body` is sent as JSON, None as nothing."""

    status: int
    body: Mapping[str, Any] | None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def to_gateway(self, request_id: str) -> Event:
        headers = {"cache-control": "no-store", REQUEST_ID_HEADER: request_id, **_lower(self.headers)}
        if self.body is None:
            return {"statusCode": self.status, "headers": headers, "body": ""}
        headers["content-type"] = self.content_type
        return {"statusCode": self.status, "headers": headers, "body": json.dumps(self.body, separators=(",", ":"))}


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def ok(body: Mapping[str, Any]) -> Response:
    return Response(200, body)


def created(body: Mapping[str, Any]) -> Response:
    return Response(201, body)


def accepted(body: Mapping[str, Any]) -> Response:
    return Response(202, body)


def no_content() -> Response:
    return Response(204, None)


def problem(error: ApiError, request_id: str) -> Response:
    """The answer that tells of `error`, with nothing in it that the error did not mean to tell."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "detail": error.told,
        "code": error.told_code,
        "request_id": request_id,
    }
    if error.field:
        body["field"] = error.field
    return Response(error.status, body, error.headers, "application/problem+json")


def api_handler(
    build: Callable[[], Adapters],
) -> Callable[[Callable[[HttpEvent, Adapters], Response]], Callable[[Event, Any], Event]]:
    """Make `(HttpEvent, adapters) -> Response` a Lambda handler.

    `build` makes the adapters at the first request and once a process. Errors of ours become problems; any other
    becomes a 500 that names the request id and nothing else.
    """
    adapters = cache(build)

    def decorate(answer: Callable[[HttpEvent, Adapters], Response]) -> Callable[[Event, Any], Event]:
        def handler(event: Event, context: Any) -> Event:
            began = time.perf_counter()
            request_id = str((event.get("requestContext") or {}).get("requestId", ""))
            begin_invocation(request_id=request_id, lambda_request_id=getattr(context, "aws_request_id", ""))
            try:
                response = answer(HttpEvent.of(event), adapters())
            except ApiError as error:
                response = _refused(error, request_id)
            except ConfigurationError:  # a setting or a secret: mended without the client, which may come back
                log().exception("misconfigured")
                count("ConfigurationErrors")
                response = problem(Unavailable(), request_id)
            except Exception:
                log().exception("unhandled error")
                count("UnhandledErrors")
                response = problem(ApiError(), request_id)
            took(1000 * (time.perf_counter() - began))
            log().info("answered", status=response.status)
            end_invocation()
            return response.to_gateway(request_id)

        return handler

    return decorate


def _refused(error: ApiError, request_id: str) -> Response:
    if error.status >= 500:
        log().error("unavailable", code=error.told_code, cause=str(error.__cause__ or ""))
        count_by("Unavailable", code=error.told_code)
    else:
        log().info("refused", status=error.status, code=error.told_code)
        count_by("UserErrors", code=error.told_code)
    return problem(error, request_id)
