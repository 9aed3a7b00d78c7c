"""What settings decide beside policies: a bucket that may become public, a route that asks for no token, an open port.

Settings are read, not tried: nothing here has an engine that could try them. So each is one decision with a plain rule,
and everything else that differs shows among the policies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.review.rows import ALLOW, DENY, Row
from policies.review.stacks import Stack

_BLOCKS = {
    "block_public_acls": "be let in by a new ACL",
    "block_public_policy": "be let in by a new bucket policy",
    "ignore_public_acls": "be let in by an old ACL",
    "restrict_public_buckets": "be let in by an old bucket policy",
}
ANYONE, WITHOUT_TOKEN, ANYWHERE = "anyone", "anyone without a token", "any address"
_EVERY_ADDRESS = ("0.0.0.0/0", "::/0")


def rows(stack: Stack) -> list[Row]:
    """The decisions of a stack's settings, in canonical order."""
    found = set(_buckets(stack))
    for name, inputs in stack.settings.items():
        type_, _, what = name.partition(" ")
        match type_:
            case "s3.BucketAcl":
                acl, more = str(inputs.get("acl", "")), inputs.get("access_control_policy")
                public = acl.startswith(("public", "authenticated")) or bool(more)
                found.add(_row(ANYONE, "read by ACL", f"{what} bucket", allowed=public))
            case "lambda_.FunctionUrl":
                open_ = inputs.get("authorization_type") != "AWS_IAM"
                found.add(_row(ANYONE, "call by function URL", f"function {what}", allowed=open_))
            case "apigatewayv2.Route":
                open_ = inputs.get("authorization_type") in (None, "NONE")
                found.add(_row(WITHOUT_TOKEN, "call", f"API, {inputs.get('route_key', what)}", allowed=open_))
            case "rds.Instance":
                found.add(_row(ANYWHERE, "connect", "database", allowed=bool(inputs.get("publicly_accessible"))))
            case "vpc.SecurityGroupIngressRule":
                open_ = any(inputs.get(key) in _EVERY_ADDRESS for key in ("cidr_ipv4", "cidr_ipv6"))
                found.add(_row(ANYWHERE, "connect", f"network, {what}", allowed=open_))
    return sorted(found)


def _buckets(stack: Stack) -> Iterator[Row]:
    """One decision a block and bucket; a bucket with no block at all is open in each of the four ways."""
    blocks = [inputs for name, inputs in stack.settings.items() if name.startswith("s3.BucketPublicAccessBlock ")]
    for bucket in stack.of_kind("bucket"):
        name = bucket.arn.rpartition(":")[2]
        block: Mapping[str, Any] = next((each for each in blocks if each.get("bucket") == name), {})
        for flag, way in _BLOCKS.items():
            yield _row(ANYONE, way, bucket.label, allowed=block.get(flag) is not True)


def _row(principal: str, action: str, resource: str, *, allowed: bool) -> Row:
    return Row("iam", principal, action, resource, "-", "", ALLOW if allowed else DENY)
