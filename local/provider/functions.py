"""The data sources (functions) of the provider that a program may call."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from local.provider.configuration import Aws
from local.provider.errors import ProviderError


def invoke(aws: Aws, token: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a function. Raises ProviderError for one that nobody has built."""
    if token not in _FUNCTIONS:
        raise ProviderError(
            f"The provider of the laptop cloud does not know the function {token}.",
            fix="Add it to local/provider/functions.py.",
        )
    return _FUNCTIONS[token](aws, arguments)


def _caller_identity(aws: Aws, arguments: Mapping[str, Any]) -> dict[str, Any]:
    identity = aws.client("sts").get_caller_identity()
    account = str(identity["Account"])
    return {"accountId": account, "arn": identity["Arn"], "userId": identity["UserId"], "id": account}


def _region(aws: Aws, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": aws.region, "region": aws.region, "id": aws.region, "endpoint": "", "description": aws.region}


def _partition(aws: Aws, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"partition": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws", "id": "aws"}


def _public_key(aws: Aws, arguments: Mapping[str, Any]) -> dict[str, Any]:
    key = aws.client("kms").get_public_key(KeyId=arguments["keyId"])
    body = base64.b64encode(key["PublicKey"]).decode()
    lines = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
    return {
        "arn": key["KeyId"],
        "keyId": arguments["keyId"],
        "id": key["KeyId"],
        "customerMasterKeySpec": key.get("KeySpec", ""),
        "keyUsage": key.get("KeyUsage", ""),
        "signingAlgorithms": key.get("SigningAlgorithms", []),
        "encryptionAlgorithms": key.get("EncryptionAlgorithms", []),
        "publicKey": body,
        "publicKeyPem": f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n",
    }


_FUNCTIONS: dict[str, Callable[[Aws, Mapping[str, Any]], dict[str, Any]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
    "aws:kms/getPublicKey:getPublicKey": _public_key,
}
