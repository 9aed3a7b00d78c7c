"""API Gateway v2: HTTP APIs, their stages, routes, integrations and authorizers."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

from local.provider.errors import Gone
from local.provider.kind import (
    CREATION_TAG,
    Autoname,
    Call,
    Inputs,
    Observed,
    Resource,
    given,
    gone_if_missing,
    ignore_missing,
    tag_changes,
    tag_outputs,
    without_mark,
)
from local.provider.shapes import from_aws, to_aws
from local.provider.twins import Own, Twin

_SOURCE = "terraform-provider-aws, internal/service/apigatewayv2/"
_FREE = frozenset({"stageVariables", "requestParameters", "responseParameters", "requestTemplates"})
_DEFAULT_SELECTION = "$request.method $request.path"
_ENDPOINT = "{endpoint}/restapis/{api}/$default/_user_request_"


class Api(Resource):
    """An HTTP API. Its endpoint is the emulator's own way to call it: nothing resolves `execute-api` names here."""

    resource_type = "aws:apigatewayv2/api:Api"
    _settable: ClassVar = (
        "name", "description", "version", "routeSelectionExpression", "disableExecuteApiEndpoint",
        "apiKeySelectionExpression", "corsConfiguration",
    )  # fmt: skip
    twin = Twin("AWS::ApiGatewayV2::Api")
    handles = frozenset({"protocolType", "tags", *_settable})
    autoname = Autoname(longest=128)

    def create(self, call: Call, inputs: Inputs) -> str:
        made = call.client("apigatewayv2").create_api(
            ProtocolType=inputs["protocolType"],
            Tags={**(inputs.get("tags") or {}), CREATION_TAG: call.token},
            **_pascal(inputs, self._settable),
        )
        return str(made["ApiId"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        with gone_if_missing():
            found = call.client("apigatewayv2").get_api(ApiId=identifier)
        region = call.aws.region
        return {
            "arn": f"arn:aws:apigateway:{region}::/apis/{identifier}",
            "executionArn": f"arn:aws:execute-api:{region}:{call.aws.account}:{identifier}",
            "apiEndpoint": _ENDPOINT.format(endpoint=call.aws.configuration.endpoint, api=identifier),
            "protocolType": found["ProtocolType"],
            "name": found["Name"],
            "description": found.get("Description") or None,
            "version": found.get("Version") or None,
            "routeSelectionExpression": found.get("RouteSelectionExpression", _DEFAULT_SELECTION),
            "apiKeySelectionExpression": found.get("ApiKeySelectionExpression"),
            "disableExecuteApiEndpoint": bool(found.get("DisableExecuteApiEndpoint")),
            "corsConfiguration": from_aws(found.get("CorsConfiguration") or {}) or None,
            **tag_outputs(without_mark(found.get("Tags"))),
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        client = call.client("apigatewayv2")
        with gone_if_missing():
            client.update_api(ApiId=identifier, **{"Description": "", "Version": "", **_pascal(new, self._settable)})
            if old.get("corsConfiguration") and not new.get("corsConfiguration"):
                client.delete_cors_configuration(ApiId=identifier)
            _retag(call, f"/apis/{identifier}", old, new)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("apigatewayv2").delete_api(ApiId=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        for api in _items(call.client("apigatewayv2").get_apis):
            if call.token and (api.get("Tags") or {}).get(CREATION_TAG) == call.token:
                return str(api["ApiId"])
        return None


class Stage(Resource):
    resource_type = "aws:apigatewayv2/stage:Stage"
    _settable: ClassVar = (
        "autoDeploy", "description", "accessLogSettings", "defaultRouteSettings", "stageVariables",
    )  # fmt: skip
    twin = Twin(
        "AWS::ApiGatewayV2::Stage",
        names={"name": "StageName"},
        own={
            "routeSettings": Own("a list with route keys, a map in CloudFormation", f"{_SOURCE}stage.go"),
            "defaultRouteSettings.loggingLevel": Own("WebSocket APIs alone", f"{_SOURCE}stage.go"),
        },
    )
    handles = frozenset({"apiId", "name", "routeSettings", "tags", *_settable})
    autoname = Autoname(longest=128)

    def create(self, call: Call, inputs: Inputs) -> str:
        call.client("apigatewayv2").create_stage(
            ApiId=inputs["apiId"],
            StageName=inputs["name"],
            Tags=dict(inputs.get("tags") or {}),
            RouteSettings=_route_settings(inputs),
            **_pascal(inputs, self._settable),
        )
        return str(inputs["name"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        api, region = str(known["apiId"]), call.aws.region
        with gone_if_missing():
            found = call.client("apigatewayv2").get_stage(ApiId=api, StageName=identifier)
        execution = f"arn:aws:execute-api:{region}:{call.aws.account}:{api}/{identifier}"
        base = _ENDPOINT.format(endpoint=call.aws.configuration.endpoint, api=api)
        return {
            "apiId": api,
            "name": identifier,
            "arn": f"arn:aws:apigateway:{region}::/apis/{api}/stages/{identifier}",
            "executionArn": execution,
            "invokeUrl": base.replace("/$default/", f"/{identifier}/"),
            "autoDeploy": bool(found.get("AutoDeploy")),
            "description": found.get("Description") or None,
            "accessLogSettings": from_aws(found.get("AccessLogSettings") or {}) or None,
            "defaultRouteSettings": from_aws(found.get("DefaultRouteSettings") or {}) or None,
            "stageVariables": found.get("StageVariables") or None,
            "routeSettings": [
                {"routeKey": key, **from_aws(settings)}
                for key, settings in sorted((found.get("RouteSettings") or {}).items())
            ]
            or None,
            **tag_outputs(without_mark(found.get("Tags"))),
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        client = call.client("apigatewayv2")
        cleared: dict[str, Any] = {
            "Description": "",
            "AutoDeploy": False,
            "StageVariables": {},
            "DefaultRouteSettings": {},
        }
        with gone_if_missing():
            if old.get("accessLogSettings") and not new.get("accessLogSettings"):
                client.delete_access_log_settings(ApiId=new["apiId"], StageName=identifier)
            client.update_stage(
                ApiId=new["apiId"],
                StageName=identifier,
                RouteSettings=_route_settings(new),
                **{**cleared, **_pascal(new, self._settable)},
            )
            _retag(call, f"/apis/{new['apiId']}/stages/{identifier}", old, new)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("apigatewayv2").delete_stage(ApiId=known["apiId"], StageName=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        try:
            return str(self.read(call, str(inputs["name"]), inputs)["name"])
        except Gone:
            return None


class ApiPart(Resource, abc.ABC):
    """What lies in an API under an id of API Gateway's, and has no tags to find it by."""

    noun: ClassVar[str]  # in the API's calls: `route`
    settable: ClassVar[tuple[str, ...]]
    # Whose values, taken together, tell parts of one API apart.
    told_by: ClassVar[tuple[str, ...]]
    renamed: ClassVar[dict[str, str]] = {}

    def create(self, call: Call, inputs: Inputs) -> str:
        make = getattr(call.client("apigatewayv2"), f"create_{self.noun}")
        return str(make(ApiId=inputs["apiId"], **_pascal(inputs, self.settable, self.renamed))[self._id])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        get = getattr(call.client("apigatewayv2"), f"get_{self.noun}")
        with gone_if_missing():
            found = get(ApiId=known["apiId"], **{self._id: identifier})
        return {"apiId": known["apiId"], **self._observed(found)}

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        change = getattr(call.client("apigatewayv2"), f"update_{self.noun}")
        removed = {name: "" for name in self.settable if isinstance(old.get(name), str) and new.get(name) is None}
        arguments = _pascal({**new, **removed}, self.settable, self.renamed)
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
                parts = _items(listing, ApiId=inputs["apiId"])
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
        own={"integrationType": Own("the provider replaces", f"{_SOURCE}integration.go", replaces=True)},
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
            ApiId=inputs["apiId"], JwtConfiguration=_jwt(inputs), **_pascal(inputs, self.settable, self.renamed)
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


def _pascal(inputs: Inputs, names: tuple[str, ...], renamed: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        (renamed or {}).get(name, name[:1].upper() + name[1:]): dict(inputs[name])
        if name in _FREE
        else to_aws(inputs[name])
        for name in names
        if inputs.get(name) is not None
    }


def _route_settings(inputs: Inputs) -> dict[str, Any]:
    return {
        str(settings["routeKey"]): to_aws({name: value for name, value in settings.items() if name != "routeKey"})
        for settings in inputs.get("routeSettings") or ()
    }


def _items(listing: Any, **arguments: Any) -> list[dict[str, Any]]:
    """Every page of a listing."""
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = listing(**arguments, **token)
        found += page.get("Items", ())
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}


def _retag(call: Call, path: str, old: Inputs, new: Inputs) -> None:
    client, arn = call.client("apigatewayv2"), f"arn:aws:apigateway:{call.aws.region}::{path}"
    removed, added = tag_changes(old, new)
    if removed:
        client.untag_resource(ResourceArn=arn, TagKeys=removed)
    if added:
        client.tag_resource(ResourceArn=arn, Tags=added)


RESOURCES: tuple[Resource, ...] = (Api(), Stage(), Route(), Integration(), Authorizer())
