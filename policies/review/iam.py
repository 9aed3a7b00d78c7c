"""Who may do what in AWS, decided by the emulator's own evaluator with our fixes, in this process.

What the evaluator leaves to its caller is here: which documents apply, how anonymous callers and AWS services look in
a request, and that a role's trust must allow as a key's policy must. tests/policies holds it to decisions of AWS's
documentation. Source: IAM User Guide, "Policy evaluation logic" and "AWS global condition context keys".
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ministack.core import iam_evaluator

from local.ministack import arn_operators, kms_conditions, policy_variables, principal_arn
from policies.errors import PolicyError
from policies.review.stacks import Stack

Values = Mapping[str, str | list[str]]
Kind = Literal["User", "AssumedRole", "Service", "Anonymous"]

EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
# A document of one of these allows its owner's own users and roles only if it says so.
_MUST_ALLOW = frozenset({"kms", "sts"})
_ABSENT = {"Service": ("aws:principalarn", "aws:principalaccount"), "Anonymous": ("aws:principalarn",)}
_VARIABLES_SINCE = "2012-10-17"


@dataclass(frozen=True)
class Principal:
    """Who asks.

    Attributes:
        arn: of the user, or of the role's session; "" for a service and for anonymous callers.
        tags: of the session or user, `aws:PrincipalTag/…`.
        policies: identity policies that are not the stack's, such as those of another account's administrator.
        keys: condition keys that are in each of its requests, such as the function whose code asks.
        in_network: whether its calls to S3 pass the VPC endpoint and its policy.
    """

    label: str
    kind: Kind
    account: str = ""
    arn: str = ""
    service: str = ""
    tags: Values = field(default_factory=dict)
    policies: tuple[str, ...] = ()
    keys: Values = field(default_factory=dict)
    in_network: bool = False

    @functools.cached_property
    def identity(self) -> str:
        """The ARN whose identity policies count: the role of a session, or the user."""
        if self.kind != "AssumedRole":
            return self.arn
        account, role = self.arn.split(":")[4], self.arn.split("/")[1]
        return f"arn:aws:iam::{account}:role/{role}"


@dataclass(frozen=True)
class Request:
    """What is asked. `context` holds condition keys, in any case; TLS unless it says otherwise."""

    principal: Principal
    action: str
    resource: str
    context: Values = field(default_factory=dict)
    region: str = "us-east-1"


@dataclass(frozen=True)
class Decision:
    """`sid` is the statement that decided, "" when none did; `explicit` is a denial by a statement."""

    allowed: bool
    sid: str = ""
    explicit: bool = False


def operators() -> frozenset[str]:
    """The condition operators the evaluator knows, in lower case, without `IfExists` and set prefixes."""
    return frozenset(iam_evaluator._CONDITION_OPS) | {"null"}


def judge(
    request: Request,
    *,
    identity: Sequence[str] = (),
    resource: str | None = None,
    owner: str | None = None,
    limits: Sequence[Sequence[str]] = (),
) -> Decision:
    """Decide one request.

    Args:
        identity: the documents of the principal's identity policies.
        resource: the document on the resource, None when it has none.
        owner: the account the resource is in; None for the principal's own.
        limits: each a list of documents that together must allow too: a boundary, session policies, an endpoint.

    Raises:
        PolicyError: a document says what the evaluator would pass over in silence.
    """
    _install()
    for document in (*identity, *([resource] if resource else []), *(text for limit in limits for text in limit)):
        _require_known(document)
    context = _context(request)
    layers = [[_parsed(text) for text in limit] for limit in limits]
    if request.principal.kind in ("Service", "Anonymous"):
        service = request.principal.service or None
        result = iam_evaluator.evaluate_resource_policy(_plain(resource), context, service=service)
        return _decision(result)
    result = iam_evaluator.evaluate(context, [_parsed(text) for text in identity], *layers)
    foreign = owner is not None and owner != request.principal.account
    must_allow = request.action.partition(":")[0] in _MUST_ALLOW and resource is not None
    if resource is not None or foreign:
        result = iam_evaluator.combine_resource_policy(
            result, context, _plain(resource), owner, required=must_allow, limits=tuple(layers)
        )
    return _decision(result)


class Judge:
    """Decides requests by the documents of one stack."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._identity: dict[str, list[str]] = {}
        self._resource: dict[str, str] = {}
        self._endpoints: list[str] = []
        for document in stack.documents:
            if document.kind == "identity":
                self._identity.setdefault(document.on, []).append(document.text)
            elif document.kind == "endpoint":
                self._endpoints.append(document.text)
            else:
                self._resource[document.on] = document.text

    def documents(self, principal: Principal, action: str, resource: str) -> tuple[object, ...]:
        """All that decides such a request: where two models have the same, they decide the same."""
        endpoints = self._endpoints if principal.in_network and action.startswith("s3:") else []
        return (self._identity.get(principal.identity), self.policy_of(action, resource), endpoints)

    def decide(self, principal: Principal, action: str, resource: str, context: Values | None = None) -> Decision:
        """Whether `principal` may call `action` on the ARN `resource` of this stack."""
        request = Request(principal, action, resource, context or {}, self.stack.region)
        limits = [self._endpoints] if principal.in_network and action.startswith("s3:") and self._endpoints else []
        return judge(
            request,
            identity=[*self._identity.get(principal.identity, []), *principal.policies],
            resource=self.policy_of(action, resource),
            owner=self.stack.account,
            limits=limits,
        )

    def assume(self, principal: Principal, role: str, tags: Values, context: Values | None = None) -> Decision:
        """Whether `principal` may assume `role` with these session tags: both actions count when there are any."""
        keys: dict[str, str | list[str]] = {f"aws:RequestTag/{name}": value for name, value in tags.items()}
        if tags:
            keys["aws:TagKeys"] = list(tags)
        given = {**keys, **(context or {})}
        decision = self.decide(principal, "sts:AssumeRole", role, given)
        return self.decide(principal, "sts:TagSession", role, given) if decision.allowed and tags else decision

    def policy_of(self, action: str, resource: str) -> str | None:
        """The document on the resource that this action is judged by."""
        service = action.partition(":")[0]
        if resource.startswith("arn:aws:iam:") and service != "sts":
            return None  # a role's trust governs who becomes it, not who writes it
        if resource.startswith("arn:aws:s3:"):
            resource = resource.partition("/")[0]
        if resource.startswith("arn:aws:lambda:"):
            resource = ":".join(resource.split(":")[:7])  # a version has its function's permissions
        return self._resource.get(resource)


@functools.cache
def _install() -> None:
    for fix in (principal_arn, policy_variables, arn_operators, kms_conditions):
        fix.install()
    resolve = iam_evaluator._resolve_condition_key

    def resolve_as_aws(key: str, context: Any) -> Any:
        """Anonymous callers and services have no ARN; the account of the former is `anonymous`."""
        if key.lower() in _ABSENT.get(context.principal_type, ()):
            return None
        return resolve(key, context)

    iam_evaluator._resolve_condition_key = resolve_as_aws


def _context(request: Request) -> iam_evaluator.EvalContext:
    principal = request.principal
    keys = {name.lower(): value for name, value in request.context.items()}
    secure = str(keys.pop("aws:securetransport", "true")).lower() == "true"
    address = str(keys.pop("aws:sourceip", "198.51.100.7"))
    tag_keys = keys.setdefault("aws:tagkeys", None)  # type: ignore[arg-type]  # absent, not empty
    tags = {name: str(value) for name, value in request.context.items() if name.lower().startswith("aws:requesttag/")}
    own: dict[str, Any] = {name.lower(): value for name, value in principal.keys.items()}
    own |= {f"aws:principaltag/{name}".lower(): value for name, value in principal.tags.items()}
    own["aws:principalisawsservice"] = str(principal.kind == "Service").lower()
    if principal.service:
        own["aws:principalservicename"] = principal.service
    if principal.kind == "User":
        own["aws:username"] = principal.arn.rpartition("/")[2]
    return iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.kind,
        principal_account="anonymous" if principal.kind == "Anonymous" else principal.account,
        action=request.action,
        resource_arn=request.resource,
        region=request.region,
        source_ip=address,
        secure_transport=secure,
        request_tags={name.partition("/")[2]: value for name, value in tags.items()},
        tag_keys=tag_keys if isinstance(tag_keys, list) else [],
        service_context=keys,
        principal_keys=own,
    )


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> list[Any]:
    return list(iam_evaluator.parse_policy_document(_plain(text)))


@functools.lru_cache(maxsize=4096)
def _plain(text: str | None) -> str | None:
    """The document with the variables of an old one as the text that AWS takes them for."""
    if text is None or json.loads(text).get("Version") == _VARIABLES_SINCE:
        return text
    return text.replace("${", "${$}{")


@functools.lru_cache(maxsize=4096)
def _require_known(text: str) -> None:
    """Refuse what the evaluator reads as "no match": in a denial that would be an allow."""
    for statement in _statements(json.loads(text)):
        if "NotPrincipal" in statement:
            raise PolicyError("NotPrincipal is not judged here; name who is meant by `ArnNotLike aws:PrincipalArn`")
        for operator in statement.get("Condition", {}):
            if base_operator(operator) not in operators():
                raise PolicyError(f"{operator} is no condition operator")


def base_operator(operator: str) -> str:
    """`ForAnyValue:StringLikeIfExists` -> `stringlike`."""
    name = operator.lower()
    for prefix in ("forallvalues:", "foranyvalue:"):
        name = name.removeprefix(prefix)
    return name.removesuffix("ifexists") if name != "null" else name


def _statements(document: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    found = document["Statement"]
    return found if isinstance(found, list) else [found]


def _decision(result: Any) -> Decision:
    return Decision(result.decision == "Allow", str(result.matched_sid), explicit=result.decision == "Deny")
