"""The calls of the API: who may call them, and who may call their functions."""

from __future__ import annotations

import json
import re

import pytest

from tests.infra.conftest import TreeOf
from tests.infra.resource_tree import Tree, in_phase

SESSION = {
    "GET /v1/me", "DELETE /v1/me", "POST /v1/images", "PUT /v1/images/direct", "GET /v1/images/{image_id}",
    "GET /v1/models", "POST /v1/videos", "GET /v1/videos", "GET /v1/videos/{job_id}", "DELETE /v1/videos/{job_id}",
}  # fmt: skip
OPEN = {
    "POST /v1/device-check", "POST /v1/webhooks/fal", "GET /.well-known/openid-configuration",
    "GET /.well-known/jwks.json",
}  # fmt: skip
ANONYMOUS = "POST /v1/images/anonymous"


def routes(tree: Tree) -> dict[str, str]:
    return {
        route.inputs["routeKey"]: route.inputs["authorizationType"]
        for route in tree.of_type("aws:apigatewayv2/route:Route")
    }


@pytest.mark.plan("M3")
def test_users_calls_need_a_session_and_the_others_do_not(up: TreeOf, stack: str) -> None:
    found = routes(up(stack))
    assert {key for key, kind in found.items() if kind == "CUSTOM"} == SESSION
    assert {key for key, kind in found.items() if kind == "NONE"} == OPEN | {ANONYMOUS}


@pytest.mark.plan("M4")
@pytest.mark.parametrize(
    ("phase", "route", "function"), [("compatible", True, True), ("enforced", False, True), ("removed", False, False)]
)
def test_uploads_with_no_session_end_with_the_roll_out(phase: str, route: bool, function: bool) -> None:
    tree = in_phase(phase)
    assert (ANONYMOUS in routes(tree)) is route
    assert set(routes(tree)) >= SESSION
    names = [found.name for found in tree.of_type("aws:lambda/function:Function")]
    assert ("upload-image-anonymous" in names) is function
    assert "upload-image" in names


def test_the_anonymous_upload_has_a_throttle_of_its_own(up: TreeOf) -> None:
    stage = up("dev").one("aws:apigatewayv2/stage:Stage", "default").inputs
    (own,) = stage["routeSettings"]
    assert own["routeKey"] == ANONYMOUS
    assert own["throttlingRateLimit"] < stage["defaultRouteSettings"]["throttlingRateLimit"]
    assert not in_phase("enforced").one("aws:apigatewayv2/stage:Stage", "default").inputs.get("routeSettings")


def test_a_function_is_called_by_its_own_route_of_this_api_alone(up: TreeOf, stack: str) -> None:
    tree = up(stack)
    execution = r"arn:aws:execute-api:us-east-1:\d{12}:[0-9a-f]+"
    for route in tree.of_type("aws:apigatewayv2/route:Route"):
        permission = tree.one("aws:lambda/permission:Permission", route.name).inputs
        method, path = route.inputs["routeKey"].split(" ")
        expected = re.escape(re.sub(r"\{\w+\}", "*", path))
        assert permission["principal"] == "apigateway.amazonaws.com"
        assert re.fullmatch(rf"{execution}/\*/{method}{expected}", permission["sourceArn"])
    authorize = tree.one("aws:lambda/permission:Permission", "authorize").inputs
    assert re.fullmatch(rf"{execution}/authorizers/[0-9a-f]+", authorize["sourceArn"])


def test_every_permission_names_its_source(up: TreeOf, stack: str) -> None:
    for permission in up(stack).of_type("aws:lambda/permission:Permission"):
        assert permission.inputs["sourceArn"]
        if permission.inputs["principal"] == "s3.amazonaws.com":  # a bucket's ARN has no account
            assert re.fullmatch(r"\d{12}", permission.inputs["sourceAccount"])


def test_the_access_log_holds_nothing_of_a_caller(up: TreeOf, stack: str) -> None:
    settings = up(stack).one("aws:apigatewayv2/stage:Stage", "default").inputs["accessLogSettings"]
    fields = json.loads(settings["format"])
    assert "$context.requestId" in fields.values()
    forbidden = ("header", "authorization", "path", "querystring", "sourceip", "useragent", "identity", "claims")
    for field in fields.values():
        assert not any(word in field.lower() for word in forbidden), field


def test_the_authorizer_is_asked_with_the_header_and_cached(up: TreeOf, stack: str) -> None:
    (authorizer,) = up(stack).of_type("aws:apigatewayv2/authorizer:Authorizer")
    assert authorizer.inputs["authorizerType"] == "REQUEST"
    assert authorizer.inputs["authorizerPayloadFormatVersion"] == "2.0"
    assert authorizer.inputs["enableSimpleResponses"] is True
    assert authorizer.inputs["identitySources"] == ["$request.header.Authorization"]
    assert authorizer.inputs["authorizerResultTtlInSeconds"] == 300


def test_the_api_waits_a_little_longer_than_its_functions_run(up: TreeOf, stack: str) -> None:
    tree = up(stack)
    for integration in tree.of_type("aws:apigatewayv2/integration:Integration"):
        function = tree.one("aws:lambda/function:Function", integration.name)
        assert function.inputs["timeout"] * 1000 < integration.inputs["timeoutMilliseconds"] <= 30_000


def test_outputs_keep_their_names(up: TreeOf, stack: str) -> None:
    outputs = up(stack).outputs
    assert set(outputs) == {
        "api_url", "images_bucket", "videos_bucket", "session_issuer", "database_endpoint", "database_name",
        "video_migration_queue_url", "video_migration_dlq_url", "page_topic_arn", "notify_topic_arn",
        "dashboard_url",
    }  # fmt: skip
    assert outputs["session_issuer"] == outputs["api_url"]
    assert outputs["database_name"] == "rendio"
