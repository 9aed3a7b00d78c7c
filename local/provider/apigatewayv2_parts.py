"""API Gateway v2: what lies in an API: routes, integrations, authorizers."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

from local.provider.errors import Gone
from local.provider.kind import Autoname, Call, Inputs, Observed, Resource, given, gone_if_missing, ignore_missing
from local.provider.shapes import from_aws, to_aws
from local.provider.twins import Own, Twin

_SOURCE = "terraform-provider-aws, internal/service/apigatewayv2/"
_FREE = frozenset({"stageVariables", "requestParameters", "responseParameters", "requestTemplates"})


class ApiPart(Resource, abc.ABC):
    """What lies in an API under an id of API Gateway's, and has no tags to find it by."""

    noun: ClassVar[str]  # in the API's calls: `route`
    settable: ClassVar[tuple[str, ...]]
    # Whose values, taken together, tell parts of one API apart.
    told_by: ClassVar[tuple[str, ...]]
    renamed: ClassVar[dict[str, str]] = {}

    def create(self, call: Call, inputs: Inputs) -> str:
        make = getattr(call.client("apigatewayv2"), f"create_{self.noun}")
        return str(make(ApiId=inputs["apiId"], **arguments_of(inputs, self.settable, self.renamed))[self._id])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        get = getattr(call.client("apigatewayv2"), f"get_{self.noun}")
        with gone_if_missing():
            found = get(ApiId=known["apiId"], **{self._id: identifier})
        return {"apiId": known["apiId"], **self._observed(found)}

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        change = getattr(call.client("apigatewayv2"), f"update_{self.noun}")
        removed = {name: "" for name in self.settable if isinstance(old.get(name), str) and new.get(name) is None}
        arguments = arguments_of({**new, **removed}, self.settable, self.renamed)
        with gone_if_missing():
            change(ApiId=new["apiId"], **{self._id: identifier}, **arguments)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        remove = getattr(call.client("apigatewayv2"), f"delete_{self.noun}")
        with ignore_missing():
            remove(ApiId=known["apiId"], **{self._id: identifier})

    def find(self, call: Call, inputs: Inputs) -> str | None:
        listing = getattr(call.client("apigatewayv2"), f"get_{self.noun}s")
        try:
            with gone_if_missing():
                parts = every(listing, ApiId=inputs["apiId"])
        except Gone:
            return None
        for part in parts:
            observed = self._observed(part)
            if all(observed.get(name) == inputs.get(name) for name in self.told_by):
                return str(part[self._id])
        return None

    @property
    def _id(self) -> str:
        return f"{self.noun.capitalize()}Id"

    def _observed(self, found: dict[str, Any]) -> Observed:
        observed: Observed = {}
        for name in self.settable:
            value = found.get(self.renamed.get(name, name[:1].upper() + name[1:]))
            observed[name] = None if value in ("", [], {}) else value if name in _FREE else from_aws(value)
        return observed


class Route(ApiPart):
    resource_type = "aws:apigatewayv2/route:Route"
    noun = "route"
    twin = Twin("AWS::ApiGatewayV2::Route")
    settable = (
        "routeKey", "target", "authorizationType", "authorizerId", "authorizationScopes", "operationName",
        "apiKeyRequired",
    )  # fmt: skip
    told_by = ("routeKey",)
    handles = frozenset({"apiId", *settable})


class Integration(ApiPart):
    resource_type = "aws:apigatewayv2/integration:Integration"
    noun = "integration"
    twin = Twin(
        "AWS::ApiGatewayV2::Integration",
        names={"timeoutMilliseconds": "TimeoutInMillis"},
        own={
            "integrationType": Own("the provider replaces", f"{_SOURCE}integration.go", replaces=True, same_values=True)
        },
    )
    settable = (
        "integrationType", "integrationUri", "integrationMethod", "payloadFormatVersion", "timeoutMilliseconds",
        "description", "connectionType",
    )  # fmt: skip
    renamed: ClassVar[dict[str, str]] = {"timeoutMilliseconds": "TimeoutInMillis"}
    told_by = ("integrationUri", "integrationType")
    handles = frozenset({"apiId", *settable})


class Authorizer(ApiPart):
    resource_type = "aws:apigatewayv2/authorizer:Authorizer"
    noun = "authorizer"
    twin = Twin(
        "AWS::ApiGatewayV2::Authorizer",
        names={
            "identitySources": "IdentitySource",
            "jwtConfiguration.audiences": "JwtConfiguration/Audience",
            "jwtConfiguration.issuer": "JwtConfiguration/Issuer",
        },
    )
    settable = (
        "name", "authorizerType", "authorizerUri", "authorizerPayloadFormatVersion", "enableSimpleResponses",
        "authorizerResultTtlInSeconds", "identitySources", "authorizerCredentialsArn",
    )  # fmt: skip
    renamed: ClassVar[dict[str, str]] = {"identitySources": "IdentitySource"}
    told_by = ("name",)
    handles = frozenset({"apiId", "jwtConfiguration", *settable})
    autoname = Autoname(longest=128)

    def create(self, call: Call, inputs: Inputs) -> str:
        if not inputs.get("jwtConfiguration"):
            return super().create(call, inputs)
        made = call.client("apigatewayv2").create_authorizer(
            ApiId=inputs["apiId"], JwtConfiguration=_jwt(inputs), **arguments_of(inputs, self.settable, self.renamed)
        )
        return str(made["AuthorizerId"])

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        super().update(call, identifier, old, new)
        if new.get("jwtConfiguration"):
            call.client("apigatewayv2").update_authorizer(
                ApiId=new["apiId"], AuthorizerId=identifier, JwtConfiguration=_jwt(new)
            )

    def _observed(self, found: dict[str, Any]) -> Observed:
        jwt = found.get("JwtConfiguration") or {}
        observed = super()._observed(found)
        observed["jwtConfiguration"] = (
            {"audiences": jwt.get("Audience", []), "issuer": jwt.get("Issuer")} if jwt else None
        )
        return observed


def _jwt(inputs: Inputs) -> dict[str, Any]:
    jwt = inputs["jwtConfiguration"]
    return given(Audience=jwt.get("audiences"), Issuer=jwt.get("issuer"))


def arguments_of(inputs: Inputs, names: tuple[str, ...], renamed: dict[str, str] | None = None) -> dict[str, Any]:
    """The arguments of a call for those of `names` that are given."""
    return {
        (renamed or {}).get(name, name[:1].upper() + name[1:]): dict(inputs[name])
        if name in _FREE
        else to_aws(inputs[name])
        for name in names
        if inputs.get(name) is not None
    }


def every(listing: Any, **arguments: Any) -> list[dict[str, Any]]:
    """Every page of a listing."""
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = listing(**arguments, **token)
        found += page.get("Items", ())
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}


PARTS: tuple[Resource, ...] = (Route(), Integration(), Authorizer())
