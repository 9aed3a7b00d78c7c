"""How the buckets' protection differs from what was rendered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from lambdas.access_drift.expected import ExpectedBucket
from lambdas.runtime.access_catalog import Drift

# Where a policy, a block or a setting is gone, S3 answers with one of these.
_GONE = frozenset({"NoSuchBucketPolicy", "NoSuchPublicAccessBlockConfiguration", "OwnershipControlsNotFoundError"})


def bucket_drifts(s3: Any, expected: Mapping[str, ExpectedBucket]) -> list[Drift]:
    """Every bucket's policy statements, public access block and ownership that are not as rendered.

    What S3 refuses to tell is a drift too: somebody took this function's right to look.
    """
    return [drift for name, bucket in sorted(expected.items()) for drift in _of_bucket(s3, name, bucket)]


def _of_bucket(s3: Any, name: str, expected: ExpectedBucket) -> Iterator[Drift]:
    block = _read(lambda: s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"])
    if block != dict(expected.public_access_block):
        yield Drift("bucket public access", name, dict(expected.public_access_block), block)
    ownership = _read(lambda: s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"])
    if ownership != [{"ObjectOwnership": expected.ownership}]:
        yield Drift("bucket ownership", name, [{"ObjectOwnership": expected.ownership}], ownership)
    policy = _read(lambda: json.loads(s3.get_bucket_policy(Bucket=name)["Policy"]))
    if not isinstance(policy, dict) or "Statement" not in policy:
        yield Drift("bucket policy", name, _statements(expected.policy), policy)
        return
    wanted, present = _statements(expected.policy), _statements(policy)
    for sid in sorted({*wanted, *present}):
        if wanted.get(sid) != present.get(sid):
            yield Drift("bucket policy", f"{name} {sid}", wanted.get(sid), present.get(sid))


def _read(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        return None if code in _GONE else f"cannot be read: {code}"


def _statements(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Statements by Sid (or place), in the one form that AWS's several ways to write the same come to."""
    listed = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    found: dict[str, Any] = {}
    for number, statement in enumerate(listed):
        sid = str(statement.get("Sid", f"statement {number + 1}"))
        found[sid if sid not in found else f"{sid} {number + 1}"] = _plain(statement)
    return found


def _plain(value: Any, key: str = "") -> Any:
    """Lists sorted; a list of one is its member, and `"Principal": "*"` is every AWS principal."""
    if key in ("Principal", "NotPrincipal") and value == "*":
        return {"AWS": "*"}
    if isinstance(value, dict):
        return {name: _plain(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        plain = sorted({json.dumps(_plain(item)) for item in value})
        return json.loads(plain[0]) if len(plain) == 1 else [json.loads(item) for item in plain]
    return value
