"""A phone's whole way through the deployed stack."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from local.journey import run
from tests.stack.deployed import Deployed, eventually


@pytest.mark.plan("M1", "M2", "M3", "M4", "M5", "M13", "M20")
def test_the_journey_is_green(stack: Deployed) -> None:
    told = io.StringIO()
    passed = run(stack.outputs, state=stack.cloud.state, console=Console(file=told, width=140))
    assert passed, told.getvalue()


@pytest.mark.plan("M14")
def test_a_check_in_is_logged_with_its_ids_and_counted(stack: Deployed) -> None:
    phone = stack.phone()
    lines = eventually(
        lambda: [line for line in stack.logs_of("device_check").splitlines() if phone.auth_user_id in line]
    )
    logged = json.loads(lines[0])
    assert logged["request_id"]
    metrics = stack.root("cloudwatch").list_metrics(Namespace="Rendio", MetricName="CheckIns")["Metrics"]
    dimensions = {pair["Name"]: pair["Value"] for pair in metrics[0]["Dimensions"]}
    assert dimensions == {"service": "device_check", "stack": "local"}


def test_the_issuer_publishes_what_it_signs_with(stack: Deployed) -> None:
    phone = stack.phone()
    discovered = phone.call("GET", "/.well-known/openid-configuration", token="").json()
    assert discovered["issuer"] == stack.outputs["session_issuer"] == stack.api_url
    keys = phone.download(discovered["jwks_uri"]).json()["keys"]
    assert [(key["kty"], key["alg"]) for key in keys] == [("RSA", "RS256")]
    assert not {"d", "p", "q"} & keys[0].keys()
