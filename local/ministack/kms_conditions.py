"""The KMS condition keys that a signing key's policy can ask for.

MiniStack knows none of them, so a statement that has one never matches. Source: KMS Developer Guide, "AWS KMS
condition keys": kms:CallerAccount, kms:SigningAlgorithm, kms:MessageType, kms:RequestAlias. It also judges a
request that names a key by its alias against the alias, where AWS judges it against the key.
"""

from __future__ import annotations

import json
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import kms

_FIELDS = {"kms:SigningAlgorithm": "SigningAlgorithm", "kms:MessageType": "MessageType"}


def install() -> None:
    """Give KMS requests their condition keys, and their key."""
    tag_context, resolve = iam_actions.request_tag_context, iam_evaluator._resolve_condition_key
    resource = iam_actions.extract_resource_arn

    def context_with_kms(service: str, iam_action: str, body: bytes, params: Any) -> dict[str, Any]:
        context: dict[str, Any] = tag_context(service, iam_action, body, params)
        return {**context, **_context(body)} if service == "kms" else context

    def resolve_with_caller(key: str, ctx: Any) -> Any:
        if key.lower() == "kms:calleraccount" and ctx.action.startswith("kms:"):
            return ctx.principal_account
        return resolve(key, ctx)

    def resource_behind_alias(service: str, *request: Any) -> Any:
        arn = resource(service, *request)
        return _key_arn(arn) if service == "kms" and ":alias/" in str(arn) else arn

    iam_actions.request_tag_context = context_with_kms
    iam_actions.extract_resource_arn = resource_behind_alias
    iam_evaluator._resolve_condition_key = resolve_with_caller


def _context(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return {}
    if not isinstance(request, dict):
        return {}
    found = {key: request[field] for key, field in _FIELDS.items() if isinstance(request.get(field), str)}
    if "SigningAlgorithm" in request:
        found.setdefault("kms:MessageType", "RAW")  # the API's default
    key = str(request.get("KeyId", ""))
    if "alias/" in key:
        found["kms:RequestAlias"] = key[key.index("alias/") :]
    return found


def _key_arn(alias_arn: str) -> str:
    """The key that an alias stands for; the alias's own ARN when there is none."""
    record = kms._resolve_key(alias_arn)
    return str(record["Arn"]) if record else alias_arn
