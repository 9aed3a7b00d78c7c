"""Every resource type the provider makes, by the token the engine knows it under."""

from __future__ import annotations

import difflib

from local.provider import (
    apigatewayv2,
    cloudwatch,
    ec2,
    iam,
    kms,
    lambda_,
    logs,
    rds,
    s3,
    scheduler,
    secretsmanager,
    sns,
    sqs,
)
from local.provider.errors import ProviderError
from local.provider.kind import Resource

MODULES = (apigatewayv2, cloudwatch, ec2, iam, kms, lambda_, logs, rds, s3, scheduler, secretsmanager, sns, sqs)


class Catalogue:
    """Finds the resource type of a token."""

    def __init__(self) -> None:
        self._types: dict[str, Resource] = {r.resource_type: r for module in MODULES for r in module.RESOURCES}

    def tokens(self) -> list[str]:
        return sorted(self._types)

    def resource(self, token: str) -> Resource:
        """Raises ProviderError for a type that nobody has built."""
        if token not in self._types:
            near = difflib.get_close_matches(token, self._types, n=1)
            raise ProviderError(
                f"The provider of the laptop cloud does not know the resource type {token}.",
                why=f"The nearest it has is {near[0]}." if near else "",
                fix="Add it to local/provider/, with its CloudFormation twin.",
            )
        return self._types[token]
