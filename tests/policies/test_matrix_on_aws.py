"""`make matrix STACK=dev AWS=1` against a stand-in that holds every request to the API's own model."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import botocore.session
import pytest

from policies.review import aws, matrix
from policies.review.iam import Principal, Request, judge
from policies.review.stacks import Stack

ACCOUNT = "111111111111"
REQUEST: Any = (
    botocore.session.Session().get_service_model("iam").operation_model("SimulatePrincipalPolicy").input_shape
)

KEY_TYPES = REQUEST.members["ContextEntries"].member.members["ContextKeyType"].enum


class Iam:
    """Decides by the documents it was deployed with, as AWS would; refuses what the API has no name for."""

    def __init__(self, deployed: Stack) -> None:
        self.deployed, self.account, self.pages, self.problems = deployed, ACCOUNT, 0, list[str]()
        self.nested = False

    def answer(self, form: dict[str, str], authorization: str) -> str:
        service = "iam" if form["Action"] == "SimulatePrincipalPolicy" else "sts"
        if "AWS4-HMAC-SHA256" not in authorization or f"/{service}/aws4_request" not in authorization:
            self.problems.append(f"not signed for {service}")
        if service == "sts":
            return _xml("GetCallerIdentity", f"<Account>{self.account}</Account><Arn>a</Arn><UserId>u</UserId>")
        return self._simulate(form)

    def _simulate(self, form: dict[str, str]) -> str:
        unknown = {name.partition(".")[0] for name in form} - {*REQUEST.members, "Action", "Version"}
        self.problems += [f"{name} is no parameter" for name in sorted(unknown | {"ResourcePolicy"} & set(form))]
        role, actions, resources = form["PolicySourceArn"], _list(form, "ActionNames"), _list(form, "ResourceArns")
        documents = [each.text for each in self.deployed.documents if each.kind == "identity" and each.on == role]
        if not documents:
            self.problems.append(f"{role} is not there")
        context: dict[str, str] = {}
        tags: dict[str, str] = {}
        number = 1
        while f"ContextEntries.member.{number}.ContextKeyName" in form:
            entry = f"ContextEntries.member.{number}"
            name, value = form[f"{entry}.ContextKeyName"], form[f"{entry}.ContextKeyValues.member.1"]
            if form[f"{entry}.ContextKeyType"] not in KEY_TYPES:
                self.problems.append(f"{name} has no type of the API")
            (tags if name.startswith("aws:PrincipalTag/") else context)[name.removeprefix("aws:PrincipalTag/")] = value
            number += 1
        session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/simulated"
        principal = Principal(role, "AssumedRole", ACCOUNT, session, tags=tags)

        def decided(action: str, resource: str) -> str:
            request = Request(principal, action, resource, context)
            return "allowed" if judge(request, identity=documents).allowed else "implicitDeny"

        results = [
            each
            for action in actions
            for each in (_one_result if self.nested else _each_result)(
                action, {resource: decided(action, resource) for resource in resources}
            )
        ]
        # Two pages, so that whoever reads only the first misses something.
        half, second = (len(results) + 1) // 2, "Marker" in form
        self.pages += second
        page = "".join(results[half:] if second else results[:half])
        more = "" if second else "<Marker>next</Marker>"
        flag = "false" if second else "true"
        body = f"<EvaluationResults>{page}</EvaluationResults><IsTruncated>{flag}</IsTruncated>{more}"
        return _xml("SimulatePrincipalPolicy", body)


@pytest.fixture
def served(models: dict[str, Stack], monkeypatch: pytest.MonkeyPatch) -> Iterator[Iam]:
    iam = Iam(models["dev"])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            body = iam.answer(form, self.headers.get("Authorization", "")).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    yield iam
    server.shutdown()
    server.server_close()
    assert iam.problems == []


def ask(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    status = matrix.main(["--stack", "dev", "--aws", "--json"])
    return status, json.loads(capsys.readouterr().out or "{}")


@pytest.mark.parametrize("nested", [False, True])
def test_every_role_is_asked_about_and_aws_agrees(
    nested: bool, served: Iam, capsys: pytest.CaptureFixture[str]
) -> None:
    served.nested = nested
    status, said = ask(capsys)
    assert (status, said["differences"]) == (0, [])
    assert said["asked"] > 1000
    assert served.pages > 20
    assert set(said["left_out"]) == {
        "anonymous callers, services, people and other accounts",
        "who may assume a role, which its trust policy says",
    }


@pytest.mark.parametrize("nested", [False, True])
def test_a_deployed_role_that_is_another_is_named(
    nested: bool, served: Iam, capsys: pytest.CaptureFixture[str]
) -> None:
    served.nested = nested
    widened = [
        dataclasses.replace(each, text=each.text.replace("${aws:PrincipalTag/auth_user_id}/*", "*"))
        if each.name == "roles/user-storage/access" else each
        for each in served.deployed.documents
    ]  # fmt: skip
    served.deployed = dataclasses.replace(served.deployed, documents=tuple(widened))
    status, said = ask(capsys)
    assert status == 1
    named = [line for line in said["differences"] if "s3:GetObject on videos bucket" in line]
    assert named
    assert all("AWS says allowed" in line for line in named)
    assert all("role user-storage" in line for line in said["differences"])


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"EvalResourceName": "a", "EvalDecision": "allowed"}, {"a": True}),
        ({"EvalResourceName": "a", "EvalDecision": "explicitDeny", "ResourceSpecificResults": []}, {"a": False}),
        (
            {
                "EvalResourceName": "a",
                "EvalDecision": "allowed",
                "ResourceSpecificResults": [{"EvalResourceName": "b", "EvalResourceDecision": "implicitDeny"}],
            },
            {"b": False},
        ),
        ({"EvalDecision": "allowed"}, {}),
    ],
)
def test_a_decision_is_of_the_resource_that_it_names(result: dict[str, Any], said: dict[str, bool]) -> None:
    found = aws.decisions({"EvalActionName": "s3:GetObject", **result})
    assert found == {("s3:GetObject", resource): allowed for resource, allowed in said.items()}


def test_credentials_of_another_account_are_refused(served: Iam, capsys: pytest.CaptureFixture[str]) -> None:
    served.account = "999999999999"
    assert matrix.main(["--stack", "dev", "--aws"]) == 2
    assert "stack dev is in 111111111111" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--aws"], ["--aws", "--stack", "local"]])
def test_aws_is_asked_about_one_stack_that_is_there(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        matrix.main(arguments)
    assert ended.value.code == 2


def _each_result(action: str, decided: dict[str, str]) -> list[str]:
    """A result for each resource."""
    return [
        f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalDecision>{decision}</EvalDecision></member>"
        for resource, decision in decided.items()
    ]


def _one_result(action: str, decided: dict[str, str]) -> list[str]:
    """One result for all resources of a call, which says nothing of any, and in it one for each."""
    each = "".join(
        f"<member><EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalResourceDecision>{decision}</EvalResourceDecision></member>"
        for resource, decision in decided.items()
    )
    all_of_them = f"<EvalDecision>{'allowed' if 'implicitDeny' in decided.values() else 'implicitDeny'}</EvalDecision>"
    results = f"<ResourceSpecificResults>{each}</ResourceSpecificResults>"
    return [f"<member><EvalActionName>{action}</EvalActionName>{all_of_them}{results}</member>"]


def _list(form: dict[str, str], name: str) -> list[str]:
    return [value for key, value in form.items() if key.startswith(f"{name}.member.")]


def _xml(operation: str, body: str) -> str:
    return f"<{operation}Response><{operation}Result>{body}</{operation}Result></{operation}Response>"
