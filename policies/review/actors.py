"""Who tries: every principal that could come to a stack, found in its documents and resources.

Names are the same on every stack, so that a review can say what changed on all of them at once.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from policies.review.iam import EVERYTHING, Principal
from policies.review.stacks import Document, Stack

OWNER = "0a0a0a0a-1111-4111-8111-000000000001"
OTHER = "0b0b0b0b-2222-4222-8222-000000000002"
USERS_SESSION, LAMBDA_SERVICE, ADMINISTRATOR = "user's session of", "Lambda service for", "account administrator"
PERSON = "person on call"
TAKES_ROLES_ON = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]}'
)
STRANGERS_ACCOUNT = "999999999999"
_TAG = re.compile(r"aws:(?:Request|Principal)Tag/([\w-]+)")


def actors(stack: Stack) -> list[Principal]:
    """The principals of a stack in order of name.

    A role that takes session tags comes twice: as the session of a user, and with no tag at all. So does that of a
    function in the network: for the function's code, and for the Lambda service, which makes its network interfaces.
    """
    found = [*_roles(stack), *_people(stack), *_named_people(stack), *_services(stack)]
    administrator = f"arn:aws:iam::{stack.account}:user/administrator"
    stranger = f"arn:aws:iam::{STRANGERS_ACCOUNT}:user/administrator"
    found += [
        Principal(ADMINISTRATOR, "User", stack.account, administrator, policies=(EVERYTHING,)),
        Principal("anonymous", "Anonymous"),
        Principal("stranger of another account", "User", STRANGERS_ACCOUNT, stranger, policies=(EVERYTHING,)),
    ]
    return sorted(found, key=lambda actor: actor.label)


def session_tags(document: Document) -> list[str]:
    """The session tags that a role's trust speaks of."""
    return sorted(set(_TAG.findall(document.text))) if "sts:TagSession" in document.text else []


@functools.cache
def named_services(document: Document) -> list[str]:
    """The AWS services that a document names as principals."""
    found = set()
    for statement in document.statements:
        principal = statement.get("Principal")
        named = principal.get("Service", []) if isinstance(principal, dict) else []
        found |= set([named] if isinstance(named, str) else named)
    return sorted(found)


def _roles(stack: Stack) -> Iterator[Principal]:
    functions = {resource.role: resource for resource in stack.of_kind("function")}
    trusts = {document.on: document for document in stack.documents if document.kind == "trust"}
    for role in stack.of_kind("role"):
        session = f"arn:aws:sts::{stack.account}:assumed-role/{role.arn.rpartition('/')[2]}/session"
        function = functions.get(role.arn)
        tags = session_tags(trusts[role.arn]) if role.arn in trusts else []
        if function:
            code = {"lambda:SourceFunctionArn": function.arn}
            yield Principal(
                function.label, "AssumedRole", stack.account, session, keys=code, in_network=function.in_network
            )
            if function.in_network:
                label = f"{LAMBDA_SERVICE} {function.label}"
                yield Principal(label, "AssumedRole", stack.account, session, in_network=True)
        elif tags:
            own = dict.fromkeys(tags, OWNER)
            yield Principal(f"{USERS_SESSION} {role.label}", "AssumedRole", stack.account, session, tags=own)
            yield Principal(f"{role.label} with no tag", "AssumedRole", stack.account, session)
        else:
            yield Principal(role.label, "AssumedRole", stack.account, session)


def _people(stack: Stack) -> Iterator[Principal]:
    for document in stack.documents:
        if document.name.startswith("users/"):
            yield Principal(document.name.partition("/")[2], "User", stack.account, document.on)


def _named_people(stack: Stack) -> Iterator[Principal]:
    """Whom the trust of a role of people names: somebody who may take on roles, and nothing else."""
    named = {
        arn
        for document in stack.documents
        if document.kind == "trust" and document.template == "iam/people_trust.json.j2"
        for statement in document.statements
        if statement["Effect"] == "Allow"
        for arn in _listed(statement.get("Condition", {}).get("ArnLike", {}).get("aws:PrincipalArn", []))
    }
    for arn in sorted(named)[:1]:
        yield Principal(PERSON, "User", stack.account, arn.replace("*", "x"), policies=(TAKES_ROLES_ON,))


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _services(stack: Stack) -> Iterator[Principal]:
    for service in sorted({name for document in stack.documents for name in named_services(document)}):
        yield Principal(f"service {service.removesuffix('.amazonaws.com')}", "Service", service=service)
