"""What is tried on what: the things of a stack that have a policy or are worth having, and the verbs of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ministack.core.iam_evaluator import fnmatch_iam_cs

from policies.review.actors import OTHER, OWNER
from policies.review.stacks import Stack

OBJECT_VERBS = ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject")
# Tried on everything of a kind, whether a document names them or not.
VERBS = {
    "bucket": (
        "s3:DeleteBucketPolicy", "s3:ListBucket", "s3:ListBucketVersions", "s3:PutBucketAcl", "s3:PutBucketPolicy",
        "s3:PutBucketPublicAccessBlock", "s3:PutBucketVersioning", "s3:PutLifecycleConfiguration",
    ),
    "objects": OBJECT_VERBS,
    "queue": (
        "sqs:DeleteMessage", "sqs:PurgeQueue", "sqs:ReceiveMessage", "sqs:SendMessage", "sqs:SetQueueAttributes",
    ),
    "topic": ("sns:Publish", "sns:SetTopicAttributes", "sns:Subscribe"),
    "key": ("kms:CreateGrant", "kms:GetPublicKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:Sign"),
    "secret": ("secretsmanager:DeleteSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"),
    "function": ("lambda:AddPermission", "lambda:InvokeFunction", "lambda:UpdateFunctionCode"),
    "role": ("iam:PassRole", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "sts:AssumeRole"),
    "log": ("logs:DeleteLogGroup", "logs:GetLogEvents", "logs:PutLogEvents"),
    "login": ("rds-db:connect",),
    "anything": (
        "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateNetworkInterface", "iam:CreateAccessKey", "iam:CreateUser",
        "rds:DeleteDBInstance", "rds:ModifyDBInstance",
    ),
}  # fmt: skip
_SERVICES = {
    "bucket": "s3", "objects": "s3", "queue": "sqs", "topic": "sns", "key": "kms", "secret": "secretsmanager",
    "function": "lambda", "role": "iam", "log": "logs", "login": "rds-db",
}  # fmt: skip
_VARIABLE = re.compile(r"\$\{aws:PrincipalTag/[\w-]+\}")


@dataclass(frozen=True)
class Thing:
    """Something to try verbs on.

    Attributes:
        label: what reviewers call it, such as "images bucket, incoming/{user}/…".
        whose: from the view of the user `OWNER`; "other's" for one who is no user either.
        owner: the function whose own it is, by label; "" for what no function owns.
    """

    kind: str
    label: str
    arn: str
    whose: str = "-"
    context: str = ""
    owner: str = ""


def things(stack: Stack, models: Sequence[Stack] = (), *, people: bool = False) -> list[Thing]:
    """Everything of a stack, ordered by kind and name.

    Args:
        models: models whose grants may reach what is no thing of the stack; it is tried too, by its ARN.
        people: whether grants to people and pipelines count as well.
    """
    found = [*_objects(stack), *_logins(stack)]
    for resource in stack.resources:
        short = resource.label.partition(" ")[2]
        match resource.kind:
            case "log group":
                owner = f"function {short}"
                found.append(Thing("log", resource.label, f"{resource.arn}:log-stream:stream", owner=owner))
            case "bucket" | "queue" | "topic" | "key" | "secret" | "function" | "role":
                found.append(Thing(resource.kind, resource.label, resource.arn))
            case _:
                continue
    found += _beyond(stack, [stack, *models], found, people=people)
    found.append(Thing("anything", "the account", "*"))
    return sorted(set(found), key=lambda thing: (thing.kind, thing.label, thing.whose, thing.context))


def verbs(stacks: Sequence[Stack], kind: str, *, people: bool = False) -> list[str]:
    """The standing verbs of a kind and those that a document grants by name.

    `beyond/<service>` is what grants reach besides the things of a stack. A wildcard stands for one verb that nobody
    names.
    """
    if kind.startswith("beyond/"):
        service = kind.partition("/")[2]
        return sorted({a for a in _granted_actions(stacks, people=people) if a.partition(":")[0] in (service, "*")})
    granted = set(VERBS[kind])
    for action in _granted_actions(stacks, people=people):
        service, _, name = action.partition(":")
        if kind == "anything":
            fits = service not in _SERVICES.values() and service != "sts"
        elif kind in ("bucket", "objects"):
            of_objects = ("Object" in name or "Multipart" in name) and "Bucket" not in name
            fits = service == "s3" and of_objects == (kind == "objects")
        else:
            fits = service == _SERVICES[kind]
        if fits:
            granted.add(action)
    return sorted(granted)


def listed(value: str | list[str]) -> list[str]:
    """IAM allows a single value where a list may stand."""
    return [value] if isinstance(value, str) else [str(each) for each in value]


def stack_words(stack: Stack) -> list[tuple[str, str]]:
    """What is a stack's own in a text, and the word for it that is the same on every stack."""
    return [(stack.prefix, "{stack}"), (f"rendio/{stack.name}", "rendio/{stack}"), (stack.account, "{account}")]


def _granted_actions(stacks: Sequence[Stack], *, people: bool) -> Iterator[str]:
    """Actions of grants; those of people are many, and few are worth a row of the matrix."""
    for stack in stacks:
        for document in stack.documents:
            if people or not document.name.startswith("users/"):
                for statement in document.statements:
                    if statement["Effect"] == "Allow":
                        yield from (name.replace("*", "Any") for name in listed(statement.get("Action", [])))


def _beyond(stack: Stack, models: Sequence[Stack], known: Sequence[Thing], *, people: bool) -> Iterator[Thing]:
    """What grants to roles and people reach that is no thing of the stack, each pattern once."""
    patterns = {
        resource
        for model in models
        for document in model.documents
        if document.kind == "identity" and (people or not document.name.startswith("users/"))
        for statement in document.statements
        if statement["Effect"] == "Allow"
        for resource in listed(statement.get("Resource", []))
        if resource != "*"
    }
    for pattern in sorted(patterns):
        if not any(fnmatch_iam_cs(thing.arn, _VARIABLE.sub(OWNER, pattern)) for thing in known):
            arn = _VARIABLE.sub(OTHER, pattern).replace("*", "x").replace("?", "x")
            label = arn
            for text, word in stack_words(stack):
                label = label.replace(text, word)
            yield Thing(f"beyond/{pattern.split(':')[2]}", label, arn)


def _objects(stack: Stack) -> Iterator[Thing]:
    """Own, another's and elsewhere, under every prefix that a document names."""
    for bucket in stack.of_kind("bucket"):
        for prefix, by_user in sorted(_prefixes(stack, bucket.arn).items()):
            if not by_user:
                yield Thing("objects", f"{bucket.label}, {prefix}/…", f"{bucket.arn}/{prefix}/object", "shared")
                continue
            label = f"{bucket.label}, {prefix}/{{user}}/…"
            yield Thing("objects", label, f"{bucket.arn}/{prefix}/{OWNER}/object", "own")
            yield Thing("objects", label, f"{bucket.arn}/{prefix}/{OTHER}/object", "other's")
            alike = "whose id begins alike"
            yield Thing("objects", label, f"{bucket.arn}/{prefix}/{OWNER}0/object", "other's", alike)
        yield Thing("objects", f"{bucket.label}, elsewhere", f"{bucket.arn}/elsewhere/object")


def _prefixes(stack: Stack, bucket: str) -> dict[str, bool]:
    """First folder of every object named in the bucket -> whether a user's id follows it anywhere."""
    found: dict[str, bool] = {}
    for document in stack.documents:
        for statement in document.statements:
            for arn in listed(statement.get("Resource", [])):
                key = arn.removeprefix(f"{bucket}/")
                if key == arn or key.startswith("*"):
                    continue
                prefix, _, rest = key.partition("/")
                found[prefix] = found.get(prefix, False) or bool(_VARIABLE.match(rest))
    return found


def _logins(stack: Stack) -> Iterator[Thing]:
    start = f"rendio_{stack.name}_"
    names = {role.removeprefix(start) for role in stack.postgres.get("roles", {}) if role.startswith(start)}
    for name in sorted(names | {"database_admin"}):
        short = name.replace("_", "-")
        arn = f"arn:aws:rds-db:{stack.region}:{stack.account}:dbuser:db-INSTANCE/{start}{name}"
        yield Thing("login", f"database login {short}", arn, owner=f"function {short}")
