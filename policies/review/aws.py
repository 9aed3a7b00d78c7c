"""The identity part of the matrix once more, on AWS: `make matrix STACK=dev AWS=1`.

Asks `iam:SimulatePrincipalPolicy` about the roles as they are deployed, so that a difference is either a role that is
not as this checkout says, or a mistake of the judge. Its limits, which are the API's: it takes no resource's policy for
a role (so what a bucket, a queue, a topic, a key, a function or a trust allows or denies is left out, and with it
anonymous callers, services and other accounts), no VPC endpoint, no session; session tags are given as condition keys.
Source: IAM API Reference, SimulatePrincipalPolicy. It needs credentials of the stack's account with
`iam:SimulatePrincipalPolicy` and changes nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from policies.errors import PolicyError
from policies.review import attempts
from policies.review.attempts import Attempt
from policies.review.iam import Request, judge
from policies.review.rows import Row
from policies.review.stacks import Stack

_ALLOWED = "allowed"
_AT_ONCE = 50


class AwsError(PolicyError):
    """AWS could not be asked; the message says what and what to do."""


@dataclass
class Comparison:
    """What AWS said. `left_out` counts attempts by the reason why AWS was not asked."""

    asked: int = 0
    differences: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def compare(stack: Stack, *, iam: Any, sts: Any) -> Comparison:
    """Ask AWS about every attempt that it can judge, and compare.

    Args:
        iam: a boto3 client; sts: another, for whose account the credentials are of.

    Raises:
        AwsError: the credentials are of another account, or AWS refuses to answer.
    """
    found = Comparison()
    try:
        account = sts.get_caller_identity()["Account"]
        if account != stack.account:
            raise AwsError(f"The credentials are of account {account}; stack {stack.name} is in {stack.account}.")
        for source, context, pairs in _questions(stack, found):
            answers = _ask(iam, source, context, pairs)
            for (action, resource), attempt in pairs.items():
                found.asked += 1
                expected, said = _identity_alone(stack, attempt), answers.get((action, resource))
                if said != expected:
                    found.differences.append(_difference(attempt, expected, said))
    except (BotoCoreError, ClientError) as error:
        raise AwsError(f"AWS does not answer: {error}") from error
    return found


def _questions(
    stack: Stack, found: Comparison
) -> Iterator[tuple[str, list[dict[str, Any]], dict[tuple[str, str], Attempt]]]:
    """Roles with their circumstances, and the pairs of action and resource to ask about."""
    grouped: dict[tuple[str, str, tuple[tuple[str, str], ...]], dict[tuple[str, str], Attempt]] = defaultdict(dict)
    for attempt, _ in attempts.tried(stack):
        reason = _why_not(attempt)
        if reason:
            found.left_out[reason] += 1
            continue
        group = grouped[attempt.principal.label, attempt.thing.kind, attempt.values]
        group[attempt.action, attempt.thing.arn] = attempt
    for pairs in grouped.values():
        first = next(iter(pairs.values()))
        yield first.principal.identity, _context(stack, first), pairs


def _why_not(attempt: Attempt) -> str:
    if attempt.principal.kind != "AssumedRole":
        return "anonymous callers, services, people and other accounts"
    if attempt.tags is not None:
        return "who may assume a role, which its trust policy says"
    return ""


def _ask(
    iam: Any, source: str, context: list[dict[str, Any]], pairs: Mapping[tuple[str, str], Attempt]
) -> dict[tuple[str, str], bool]:
    actions = sorted({action for action, _ in pairs})
    resources = sorted({resource for _, resource in pairs})
    answers: dict[tuple[str, str], bool] = {}
    for start in range(0, len(resources), _AT_ONCE):
        pages = iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=source,
            ActionNames=actions,
            ResourceArns=resources[start : start + _AT_ONCE],
            ContextEntries=context,
        )
        for page in pages:
            for result in page["EvaluationResults"]:
                answers |= decisions(result)
    return answers


def decisions(result: Mapping[str, Any]) -> dict[tuple[str, str], bool]:
    """What one EvaluationResult says of pairs of action and resource.

    It may be of one resource, or of all of a call with one in it for each (IAM API Reference, EvaluationResult). What
    it says of all is then told of none: a pair that AWS did not answer is a difference, a wrong answer might be none.
    """
    action, each = result["EvalActionName"], result.get("ResourceSpecificResults") or []
    if each:
        return {(action, one["EvalResourceName"]): one["EvalResourceDecision"] == _ALLOWED for one in each}
    resource = result.get("EvalResourceName")
    return {} if resource is None else {(action, resource): result["EvalDecision"] == _ALLOWED}


def _context(stack: Stack, attempt: Attempt) -> list[dict[str, Any]]:
    principal = attempt.principal
    keys: dict[str, Any] = {"aws:SecureTransport": "true", "aws:RequestedRegion": stack.region}
    keys |= dict(principal.keys) | {f"aws:PrincipalTag/{name}": value for name, value in principal.tags.items()}
    keys |= dict(attempt.values)
    return [
        {
            "ContextKeyName": name,
            "ContextKeyValues": [value] if isinstance(value, str) else list(value),
            "ContextKeyType": "boolean" if name == "aws:SecureTransport" else "string",
        }
        for name, value in sorted(keys.items())
    ]


def _identity_alone(stack: Stack, attempt: Attempt) -> bool:
    documents = [d.text for d in stack.documents if d.kind == "identity" and d.on == attempt.principal.identity]
    request = Request(attempt.principal, attempt.action, attempt.thing.arn, dict(attempt.values), stack.region)
    return judge(request, identity=documents).allowed


def _difference(attempt: Attempt, expected: bool, said: bool | None) -> str:
    words = {True: "allowed", False: "refused", None: "nothing"}
    row = Row("iam", attempt.principal.label, attempt.action, attempt.thing.label, "-", attempt.context, "deny")
    when = f" ({row.context})" if row.context else ""
    return f"{row.principal}: {row.action} on {row.resource}{when}: here {words[expected]}, AWS says {words[said]}"
