"""GET /v1/me."""

from __future__ import annotations

from lambdas.me.adapters import PostgresUsers
from lambdas.me.logic import me
from lambdas.runtime.http import HttpEvent, Response, api_handler, ok


@api_handler(PostgresUsers.build)
def handler(event: HttpEvent, users: PostgresUsers) -> Response:
    return ok(me(event.claims(), users).as_json())
