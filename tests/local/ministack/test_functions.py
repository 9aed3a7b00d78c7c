"""Functions run as on Lambda: environment, interpreter, failures, logs, how many at once."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local.ministack import function_code
from local.ministack.function_environment import RESERVED
from tests.local.ministack.emulator import ACCOUNT, REGION, RUNTIME, Emulator, allow, zipped

ENVIRONMENT = "import os\ndef handler(event, context):\n    return dict(os.environ)\n"


def test_the_environment_is_what_aws_gives_and_the_functions_own(emulator: Emulator, unpatched: Emulator) -> None:
    own = {"STACK": "local"}
    name = emulator.function(ENVIRONMENT, Environment={"Variables": own})
    found = emulator.invoke(name)
    local = {"PATH", "HOME", "TMPDIR", "LANG", "TZ", "LC_CTYPE", "AWS_ENDPOINT_URL"}
    assert set(found) - RESERVED - local == set(own)
    assert found["AWS_ENDPOINT_URL"] == emulator.url
    assert found["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{RUNTIME}"
    assert found["HOME"].startswith(str(emulator.root))
    upstream = unpatched.invoke(unpatched.function(ENVIRONMENT))
    assert "CANARY_OF_THE_SERVER" in upstream, "fixed: functions' environments are clean upstream"


def test_a_runtime_without_an_interpreter_is_an_error_that_names_the_variable(emulator: Emulator) -> None:
    failure = emulator.invoke(emulator.function(ENVIRONMENT, runtime="python3.9"))
    assert "MS_PY_python3_9" in failure["errorMessage"]


OUTCOMES = """
import json, os, sys, time, logging
print("loading")
def handler(event, context):
    print(json.dumps({"level": "INFO", "event": event}))
    logging.getLogger().warning("careful")
    logging.getLogger().info("dropped, as on AWS")
    os.write(1, b"raw output\\n")
    if event == "raise": raise KeyError("missing")
    if event == "exit": os._exit(3)
    if event == "sleep": time.sleep(30)
    if event == "object": return object()
    return {"pid": os.getpid(), "left": context.get_remaining_time_in_millis(), "id": context.aws_request_id}
"""


def test_failures_have_the_shapes_of_lambda_and_only_a_crash_costs_the_process(emulator: Emulator) -> None:
    name = emulator.function(OUTCOMES, timeout=1)
    first = emulator.invoke(name)
    assert 0 < first["left"] <= 1000
    raised = emulator.invoke(name, "raise")
    assert (raised["errorType"], raised["errorMessage"]) == ("KeyError", "'missing'")
    assert "in handler" in raised["stackTrace"][0]
    assert emulator.root_client("lambda").invoke(FunctionName=name, Payload=b'"raise"')["FunctionError"] == "Unhandled"
    assert emulator.invoke(name, "object")["errorType"] == "Runtime.MarshalError"
    assert emulator.invoke(name)["pid"] == first["pid"]
    assert emulator.invoke(name, "exit")["errorType"] == "Runtime.ExitError"
    slept = emulator.invoke(name, "sleep")
    assert slept["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in slept["errorMessage"]
    assert emulator.invoke(name)["pid"] != first["pid"]


def test_upstream_still_ends_the_process_at_an_error_and_hides_its_kind(unpatched: Emulator) -> None:
    name = unpatched.function(OUTCOMES)
    first = unpatched.invoke(name)["pid"]
    assert unpatched.invoke(name, "raise")["errorType"] == "Runtime.HandlerError"
    assert unpatched.invoke(name)["pid"] != first, "fixed: see what is left for local/ministack/functions.py to do"


def test_all_that_a_function_prints_is_in_its_log(emulator: Emulator) -> None:
    name = emulator.function(OUTCOMES)
    emulator.invoke(name, 1)
    emulator.invoke(name, "raise")
    lines = emulator.lines(name)
    assert lines.count("loading") == 1
    assert json.loads(lines[1]) == {"level": "INFO", "event": 1}
    assert sum("careful" in line for line in lines) == 2
    assert lines.count("raw output") == 2
    assert not any("dropped" in line for line in lines)
    assert "[ERROR] KeyError: 'missing'" in lines


def test_what_cannot_be_imported_says_so(emulator: Emulator) -> None:
    failure = emulator.invoke(emulator.function("import nowhere\n"))
    assert failure["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'nowhere'" in failure["errorMessage"]
    assert emulator.invoke(emulator.function("x = 1\n"))["errorType"] == "Runtime.HandlerNotFound"


def test_the_functions_code_comes_before_its_layers(emulator: Emulator) -> None:
    layer = zipped("", **{"python/own.py": "WHO = 'layer'", "python/shared.py": "WHO = 'layer'"})
    client = emulator.root_client("lambda")
    arn = client.publish_layer_version(LayerName="layer", Content={"ZipFile": layer})["LayerVersionArn"]
    name = emulator.function("import own, shared\ndef handler(e, c): return [own.WHO, shared.WHO]\n", Layers=[arn])
    client.update_function_code(
        FunctionName=name,
        ZipFile=zipped(
            "import own, shared\ndef handler(e, c): return [own.WHO, shared.WHO]\n", **{"own.py": "WHO='own'"}
        ),
    )
    assert emulator.invoke(name) == ["own", "layer"]


def test_a_published_version_keeps_its_code_and_environment(emulator: Emulator) -> None:
    name = emulator.function("import os\ndef handler(e, c): return ['one', os.environ['N']]\n",
                             Environment={"Variables": {"N": "1"}})  # fmt: skip
    client = emulator.root_client("lambda")
    version = client.publish_version(FunctionName=name)["Version"]
    client.update_function_code(
        FunctionName=name, ZipFile=zipped("import os\ndef handler(e, c): return ['two', os.environ['N']]\n")
    )
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"N": "2"}})
    assert emulator.invoke(name) == ["two", "2"]
    assert emulator.invoke(f"{name}:{version}") == ["one", "1"]


def test_a_function_acts_as_its_role(emulator: Emulator) -> None:
    bucket = emulator.bucket()
    name = emulator.function(
        "import boto3\ndef handler(key, c):\n"
        f"    boto3.client('s3').put_object(Bucket={bucket!r}, Key=key, Body=b'x')\n    return 'put'\n",
        allow("s3:PutObject", f"arn:aws:s3:::{bucket}/mine/*"),
    )
    assert emulator.invoke(name, "mine/1") == "put"
    assert "AccessDenied" in emulator.invoke(name, "other/1")["errorMessage"]


def test_a_policy_can_keep_from_the_code_what_the_role_has_for_lambda(emulator: Emulator, unpatched: Emulator) -> None:
    source = "import boto3\ndef handler(e, c): return len(boto3.client('ec2').describe_network_interfaces())\n"
    for running, denied in ((emulator, True), (unpatched, False)):
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:networked"
        condition = {"ArnEquals": {"lambda:SourceFunctionArn": arn}}
        deny = {"Effect": "Deny", "Action": "ec2:*", "Resource": "*", "Condition": condition}
        role = running.role(allow("ec2:*", "*"), deny)
        answer = running.invoke(running.function(source, role=role, name="networked"))
        assert ("UnauthorizedOperation" in str(answer)) is denied, "fixed: see function_credentials"
        other = running.invoke(running.function(source, role=role, name="other-function"))
        assert "UnauthorizedOperation" not in str(other)


def http_api(emulator: Emulator, function: str, authorizer: str | None = None) -> str:
    """Base address of an HTTP API whose `GET /open` and, with an authorizer, `GET /me` call the function."""
    api, arn = emulator.root_client("apigatewayv2"), f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
    made = api.create_api(Name="api", ProtocolType="HTTP")["ApiId"]
    target = api.create_integration(
        ApiId=made, IntegrationType="AWS_PROXY", IntegrationUri=arn + function, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    api.create_route(ApiId=made, RouteKey="GET /open", Target=f"integrations/{target}")
    if authorizer:
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}{authorizer}/invocations"
        judge = api.create_authorizer(
            ApiId=made, Name="session", AuthorizerType="REQUEST", AuthorizerUri=uri, EnableSimpleResponses=True,
            AuthorizerPayloadFormatVersion="2.0", IdentitySource=["$request.header.Authorization"],
            AuthorizerResultTtlInSeconds=300,
        )["AuthorizerId"]  # fmt: skip
        api.create_route(ApiId=made, RouteKey="GET /me", Target=f"integrations/{target}",
                         AuthorizationType="CUSTOM", AuthorizerId=judge)  # fmt: skip
    api.create_stage(ApiId=made, StageName="$default", AutoDeploy=True)
    return f"{emulator.url}/restapis/{made}/$default/_user_request_"


def get(url: str, **headers: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=40) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_the_authorizer_is_asked_once_a_token(emulator: Emulator) -> None:
    judge = emulator.function(
        "def handler(event, context):\n    print('asked')\n    token = event['headers']['authorization']\n"
        "    return {'isAuthorized': token.startswith('Bearer good'), 'context': {'sub': token[-5:]}}\n"
    )
    echo = emulator.function(
        "import json\ndef handler(event, context):\n"
        "    return {'statusCode': 200, 'body': json.dumps(event['requestContext']['authorizer'])}\n"
    )
    me = http_api(emulator, echo, judge) + "/me"
    assert get(me)[0] == 401
    assert get(me, Authorization="Bearer bad")[0] == 403
    assert get(me, Authorization="Bearer good-alice") == (200, {"lambda": {"sub": "alice"}})
    assert get(me, Authorization="Bearer good-alice")[0] == 200
    assert get(me, Authorization="Bearer good-robby") == (200, {"lambda": {"sub": "robby"}})
    assert emulator.lines(judge) == ["asked"] * 3


SLOW = """
import json, os, time
def handler(event, context):
    until = time.process_time() + 0.005
    while time.process_time() < until: pass
    return {"statusCode": 200, "body": json.dumps({"pid": os.getpid(), "version": os.environ.get("N")})}
"""


def test_200_requests_at_once_share_a_few_processes(emulator: Emulator) -> None:
    url = http_api(emulator, emulator.function(SLOW)) + "/open"
    with ThreadPoolExecutor(200) as people:
        answers = list(people.map(lambda _n: get(url), range(200)))
    assert [status for status, _body in answers] == [200] * 200
    assert len({body["pid"] for _status, body in answers}) <= max(4, 2 * (os.cpu_count() or 1))


def test_no_request_fails_while_the_function_is_updated(emulator: Emulator) -> None:
    name = emulator.function(SLOW, Environment={"Variables": {"N": "0"}})
    url, client = http_api(emulator, name) + "/open", emulator.root_client("lambda")
    done = False

    def keep_asking(_person: int) -> list[tuple[int, Any]]:
        answers = []
        while not done:
            answers.append(get(url))
        return answers

    with ThreadPoolExecutor(4) as people:
        asking = [people.submit(keep_asking, person) for person in range(4)]
        for version in range(1, 4):
            client.update_function_configuration(FunctionName=name, Environment={"Variables": {"N": str(version)}})
            assert get(url)[1]["version"] == str(version), "the update counts at once"
        done = True
        answers = [answer for future in asking for answer in future.result()]
    assert {status for status, _body in answers} == {200}


@pytest.mark.parametrize("text", ["\u2028 and \u0085", "ünï", "x" * 100_000])
def test_any_text_goes_in_and_out(emulator: Emulator, text: str) -> None:
    assert emulator.invoke(emulator.function("def handler(e, c): return e\n", name=f"echo-{len(text)}"), text) == text


def test_functions_that_bring_the_same_packages_share_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    packages = {"pack/__init__.py": "import own", "libs/a.so": "x"}
    folders = []
    for name, source in (("one", "1"), ("two", "2"), ("three", "3")):
        content = zipped(source, **packages, **({"libs/b.so": "y"} if name == "three" else {}))
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        folders.append(function_code.unpacked(content, digest, function=name, own="index"))
    assert [(folder / "index.py").read_text() for folder in folders] == ["1", "2", "3"]
    packs = [(folder / "pack").resolve() for folder in folders]
    assert packs[0] == packs[1] != packs[2]
    assert (packs[0] / ".." / "libs" / "a.so").read_text() == "x", "libraries find each other by ../"
    shutil.rmtree(folders[2].parent)
    function_code.remove_leftovers()
    assert packs[0].exists()
    assert not packs[2].exists()
