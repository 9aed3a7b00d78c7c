"""What Lambda answers over HTTP to a call of a function, read by the SDK that the tools use."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from pytest_httpserver import HTTPServer
from werkzeug import Response

from local.errors import LocalError
from local.invocation import invoke

NAME = "rendio-dev-restore-videos"
PATH = f"/2015-03-31/functions/{NAME}/invocations"
CODE = "CodeArtifactUserPendingException"
SHORTLY = "Lambda is initializing your function. It will be ready to invoke shortly."


def call(lambda_: HTTPServer, *, read_timeout: float = 5) -> dict[str, Any]:
    client = boto3.client(
        "lambda",
        endpoint_url=lambda_.url_for("").rstrip("/"),
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(read_timeout=read_timeout, retries={"total_max_attempts": 1}, proxies={}),
    )
    return invoke(lambda: client, NAME, dict)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"x-amzn-ErrorType": f"{CODE}:http://internal.amazon.com/coral/"}, {"Message": SHORTLY}),
        ({}, {"Message": SHORTLY, "Code": CODE}),  # as boto/boto3#3788 saw it
    ],
    ids=["header", "body"],
)
def test_a_sleeping_function_is_known_by_its_code(
    headers: dict[str, str], body: dict[str, str], httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("local.invocation.time.sleep", pauses.append)
    httpserver.expect_ordered_request(PATH, method="POST").respond_with_json(body, status=409, headers=headers)
    httpserver.expect_ordered_request(PATH, method="POST").respond_with_json({"restored": []})
    assert call(httpserver) == {"restored": []}
    assert len(pauses) == 1


@pytest.fixture
def held(httpserver: HTTPServer) -> Iterator[HTTPServer]:
    """A function that runs until the test has ended."""
    ended = threading.Event()

    def run(_: Any) -> Response:
        ended.wait(30)
        return Response("{}")

    httpserver.expect_request(PATH, method="POST").respond_with_handler(run)
    yield httpserver
    ended.set()


def test_a_function_that_runs_on_is_told_as_that(held: HTTPServer) -> None:
    with pytest.raises(LocalError, match="may still be running"):
        call(held, read_timeout=0.3)
