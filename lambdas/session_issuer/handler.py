"""GET /.well-known/openid-configuration and GET /.well-known/jwks.json."""

from __future__ import annotations

from lambdas.runtime.http import HttpEvent, Response, api_handler
from lambdas.session_issuer.adapters import Adapters
from lambdas.session_issuer.logic import JWKS_PATH, configuration, key_set

# Verifiers keep the keys this long; a new key is published this long before it signs (docs/adr/0030-sessions.md).
_FOR_ALL = {"Cache-Control": "public, max-age=300"}
_INCOMPLETE = {"Cache-Control": "public, max-age=10"}


@api_handler(Adapters.build)
def handler(event: HttpEvent, adapters: Adapters) -> Response:
    if not event.path.endswith(JWKS_PATH):
        return Response(200, configuration(adapters.issuer), _FOR_ALL)
    readable = adapters.readable_keys()
    complete = len(readable) == len(adapters.keys.ids)
    return Response(200, key_set(adapters.keys, readable), _FOR_ALL if complete else _INCOMPLETE)
