"""API Gateway v2: HTTP APIs and their stages. Routes, integrations and authorizers are in apigatewayv2_parts.py."""

from __future__ import annotations

from typing import Any, ClassVar

from local.provider.apigatewayv2_parts import PARTS, arguments_of, every
from local.provider.errors import Gone
from local.provider.kind import (
    CREATION_TAG,
    Autoname,
    Call,
    Inputs,
    Observed,
    Resource,
    gone_if_missing,
    ignore_missing,
    tag_changes,
    tag_outputs,
    without_mark,
)
from local.provider.shapes import from_aws, to_aws
from local.provider.twins import Own, Twin

_SOURCE = "terraform-provider-aws, internal/service/apigatewayv2/"
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
            **arguments_of(inputs, self._settable),
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
            **tag_outputs(_tags(call, f"/apis/{identifier}")),
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        client = call.client("apigatewayv2")
        with gone_if_missing():
            client.update_api(
                ApiId=identifier, **{"Description": "", "Version": "", **arguments_of(new, self._settable)}
            )
            if old.get("corsConfiguration") and not new.get("corsConfiguration"):
                client.delete_cors_configuration(ApiId=identifier)
            _retag(call, f"/apis/{identifier}", old, new)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("apigatewayv2").delete_api(ApiId=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        for api in every(call.client("apigatewayv2").get_apis):
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
            **arguments_of(inputs, self._settable),
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
            **tag_outputs(_tags(call, f"/apis/{api}/stages/{identifier}")),
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
                **{**cleared, **arguments_of(new, self._settable)},
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


def _route_settings(inputs: Inputs) -> dict[str, Any]:
    return {
        str(settings["routeKey"]): to_aws({name: value for name, value in settings.items() if name != "routeKey"})
        for settings in inputs.get("routeSettings") or ()
    }


def _tags(call: Call, path: str) -> dict[str, str]:
    arn = f"arn:aws:apigateway:{call.aws.region}::{path}"
    return without_mark(call.client("apigatewayv2").get_tags(ResourceArn=arn).get("Tags"))


def _retag(call: Call, path: str, old: Inputs, new: Inputs) -> None:
    client, arn = call.client("apigatewayv2"), f"arn:aws:apigateway:{call.aws.region}::{path}"
    removed, added = tag_changes(old, new)
    if removed:
        client.untag_resource(ResourceArn=arn, TagKeys=removed)
    if added:
        client.tag_resource(ResourceArn=arn, Tags=added)


RESOURCES: tuple[Resource, ...] = (Api(), Stage(), *PARTS)
