"""The issuer's metadata (OpenID Connect Discovery 1.0) and its public keys (RFC 7517)."""

from __future__ import annotations

from typing import Any

from lambdas.runtime.tokens import ALGORITHM, PublicKeys

JWKS_PATH = "/.well-known/jwks.json"


def configuration(issuer: str) -> dict[str, Any]:
    """What a verifier must know besides the keys."""
    return {
        "issuer": issuer,
        "jwks_uri": issuer.rstrip("/") + JWKS_PATH,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": ["iss", "aud", "sub", "role", "is_anonymous", "iat", "exp", "jti"],
    }


def key_set(keys: PublicKeys, key_ids: list[str]) -> dict[str, Any]:
    """The public keys of `key_ids`, all of which have been read."""
    return {"keys": [_public(keys, key_id) for key_id in key_ids]}


def _public(keys: PublicKeys, key_id: str) -> dict[str, Any]:
    members = keys.get(key_id).as_dict(private=False)
    return {"kty": members["kty"], "n": members["n"], "e": members["e"], "use": "sig", "alg": ALGORITHM, "kid": key_id}
