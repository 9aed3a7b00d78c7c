"""The HTTP API: its address, its routes and who may call them."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.config import ImageUploads
from infra.functions import Function, Functions
from infra.names import FunctionId, Names

AUTHORIZER_CACHE_SECONDS = 300
INTEGRATION_MARGIN_SECONDS = 2
# The stage's own throttle for all callers together; a limit for each caller is left for later (plan X1).
REQUESTS_A_SECOND, REQUEST_BURST = 200, 400
ANONYMOUS_A_SECOND, ANONYMOUS_BURST = 5, 10

# No token, header, query or address: a path can hold ids, the route's pattern cannot.
ACCESS_LOG = {
    "request_id": "$context.requestId",
    "route": "$context.routeKey",
    "status": "$context.status",
    "user": "$context.authorizer.sub",
    "latency_ms": "$context.responseLatency",
    "integration_ms": "$context.integrationLatency",
    "integration_status": "$context.integrationStatus",
    "authorizer_status": "$context.authorizer.status",
    "error": "$context.error.responseType",
    "bytes": "$context.responseLength",
    "at": "$context.requestTimeEpoch",
}


@dataclass(frozen=True)
class Route:
    """One call of the API. With a session the authorizer has verified the token before the function runs."""

    method: str
    path: str
    function: FunctionId
    session: bool

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def name(self) -> str:
        """The resource's name: "GET /v1/images/{image_id}" is get-v1-images-image_id."""
        return "-".join([self.method.lower(), *(part.strip("{}.") for part in self.path.split("/") if part)])

    def source_arn(self, execution_arn: str) -> str:
        """What the API calls the function as, for any stage and any value of a path parameter."""
        parts = ["*" if part.startswith("{") else part for part in self.path.split("/")]
        return f"{execution_arn}/*/{self.method}{'/'.join(parts)}"


ROUTES = (
    Route("POST", "/v1/device-check", FunctionId.DEVICE_CHECK, session=False),
    Route("GET", "/v1/me", FunctionId.ME, session=True),
    Route("DELETE", "/v1/me", FunctionId.DELETE_ME, session=True),
    Route("POST", "/v1/images", FunctionId.UPLOAD_IMAGE, session=True),
    Route("PUT", "/v1/images/direct", FunctionId.UPLOAD_IMAGE_DIRECT, session=True),
    Route("GET", "/v1/images/{image_id}", FunctionId.VIEW_IMAGE, session=True),
    Route("GET", "/v1/models", FunctionId.LIST_MODELS, session=True),
    Route("POST", "/v1/videos", FunctionId.SUBMIT_VIDEO, session=True),
    Route("GET", "/v1/videos", FunctionId.VIEW_VIDEO, session=True),
    Route("GET", "/v1/videos/{job_id}", FunctionId.VIEW_VIDEO, session=True),
    Route("DELETE", "/v1/videos/{job_id}", FunctionId.DELETE_VIDEO, session=True),
    Route("POST", "/v1/webhooks/fal", FunctionId.FAL_WEBHOOK, session=False),
    Route("GET", "/.well-known/openid-configuration", FunctionId.SESSION_ISSUER, session=False),
    Route("GET", "/.well-known/jwks.json", FunctionId.SESSION_ISSUER, session=False),
)
ANONYMOUS_UPLOAD = Route("POST", "/v1/images/anonymous", FunctionId.UPLOAD_IMAGE_ANONYMOUS, session=False)


def routes_of(image_uploads: ImageUploads) -> tuple[Route, ...]:
    """The routes of a phase of the roll-out (plan M4): with no session, images go up in phase `compatible` alone."""
    return (*ROUTES, ANONYMOUS_UPLOAD) if image_uploads == "compatible" else ROUTES


class Api(pulumi.ComponentResource):
    """The API's address. It is the issuer of session tokens too, so it exists before the functions that name it."""

    id: pulumi.Output[str]
    url: pulumi.Output[str]
    execution_arn: pulumi.Output[str]

    def __init__(self, resource_name: str, *, names: Names, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rendio:api:Api", resource_name, None, opts)
        api = aws.apigatewayv2.Api(
            "api",
            name=names.prefix,
            protocol_type="HTTP",
            description="RendioAI's API for the phone",
            tags=names.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.id, self.url, self.execution_arn = api.id, api.api_endpoint, api.execution_arn
        self.register_outputs({"url": self.url})


class Routes(pulumi.ComponentResource):
    """The calls of the API, each to its function; a function may be called by its own routes alone."""

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        image_uploads: ImageUploads,
        log_days: int,
        api: Api,
        functions: Functions,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:api:Routes", resource_name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self._names, self._api = names, api
        authorizer, may_authorize = self._authorizer(functions[FunctionId.SESSION_AUTHORIZER])
        integrations: dict[FunctionId, aws.apigatewayv2.Integration] = {}
        routes: list[pulumi.Resource] = []
        for route in routes_of(image_uploads):
            function = functions[route.function]
            if route.function not in integrations:
                integrations[route.function] = self._integration(route.function, function)
            may_call = self._permission(route, function)
            target = integrations[route.function].id.apply(lambda integration: f"integrations/{integration}")
            routes.append(
                aws.apigatewayv2.Route(
                    route.name,
                    api_id=api.id,
                    route_key=route.key,
                    target=target,
                    authorization_type="CUSTOM" if route.session else "NONE",
                    authorizer_id=authorizer.id if route.session else None,
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[may_call, may_authorize]),
                )
            )
        self._stage(log_days, routes, anonymous=image_uploads == "compatible")
        self.register_outputs({})

    def _authorizer(self, function: Function) -> tuple[aws.apigatewayv2.Authorizer, pulumi.Resource]:
        """A missing Authorization header is 401 before anything runs; a verdict is cached for each token."""
        authorizer = aws.apigatewayv2.Authorizer(
            "session",
            api_id=self._api.id,
            name="session",
            authorizer_type="REQUEST",
            authorizer_uri=function.invoke_arn,
            authorizer_payload_format_version="2.0",
            enable_simple_responses=True,
            authorizer_result_ttl_in_seconds=AUTHORIZER_CACHE_SECONDS,
            identity_sources=["$request.header.Authorization"],
            opts=self._child,
        )
        permission = aws.lambda_.Permission(
            "authorize",
            action="lambda:InvokeFunction",
            function=function.name,
            principal="apigateway.amazonaws.com",
            source_arn=pulumi.Output.concat(self._api.execution_arn, "/authorizers/", authorizer.id),
            opts=self._child,
        )
        return authorizer, permission

    def _integration(self, name: FunctionId, function: Function) -> aws.apigatewayv2.Integration:
        return aws.apigatewayv2.Integration(
            name.replace("_", "-"),
            api_id=self._api.id,
            integration_type="AWS_PROXY",
            integration_uri=function.invoke_arn,
            payload_format_version="2.0",
            timeout_milliseconds=(function.timeout + INTEGRATION_MARGIN_SECONDS) * 1000,
            opts=self._child,
        )

    def _permission(self, route: Route, function: Function) -> pulumi.Resource:
        return aws.lambda_.Permission(
            route.name,
            action="lambda:InvokeFunction",
            function=function.name,
            principal="apigateway.amazonaws.com",
            source_arn=self._api.execution_arn.apply(route.source_arn),
            opts=self._child,
        )

    def _stage(self, log_days: int, routes: list[pulumi.Resource], *, anonymous: bool) -> None:
        """The stage comes last: it names a route for its throttle, and serves nothing half-made."""
        logs = aws.cloudwatch.LogGroup(
            "access", name=self._names.api_logs, retention_in_days=log_days, tags=self._names.tags, opts=self._child
        )
        own_throttle: list[aws.apigatewayv2.StageRouteSettingArgsDict] = [
            {
                "route_key": ANONYMOUS_UPLOAD.key,
                "throttling_rate_limit": ANONYMOUS_A_SECOND,
                "throttling_burst_limit": ANONYMOUS_BURST,
                "detailed_metrics_enabled": True,
            }
        ]
        aws.apigatewayv2.Stage(
            "default",
            api_id=self._api.id,
            name="$default",
            auto_deploy=True,
            access_log_settings={"destination_arn": logs.arn, "format": json.dumps(ACCESS_LOG)},
            default_route_settings={
                "throttling_rate_limit": REQUESTS_A_SECOND,
                "throttling_burst_limit": REQUEST_BURST,
                "detailed_metrics_enabled": True,
            },
            route_settings=own_throttle if anonymous else [],
            tags=self._names.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=routes),
        )
