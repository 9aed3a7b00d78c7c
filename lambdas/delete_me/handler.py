"""DELETE /v1/me."""

from __future__ import annotations

from lambdas.delete_me.adapters import Adapters
from lambdas.delete_me.logic import delete_me
from lambdas.runtime.http import HttpEvent, Response, accepted, api_handler


@api_handler(Adapters.build)
def handler(event: HttpEvent, adapters: Adapters) -> Response:
    delete_me(event.claims(), event.request_id, accounts=adapters.accounts, removal=adapters.removal)
    return accepted({"status": "deleting"})
