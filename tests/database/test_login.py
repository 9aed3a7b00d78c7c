"""The way in: the master's first login by password, every other by token, through the front."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from pytest_httpserver import HTTPServer

from lambdas.access_drift import handler as access_drift
from lambdas.access_drift.expected import Expected
from lambdas.database_admin import adapters, handler
from lambdas.database_admin.plan import PlanRefused
from lambdas.database_admin.steps import ApplyFailed
from lambdas.runtime import clients
from lambdas.runtime.secrets import Secret
from policies.model.postgres import render_postgres_model
from tests.database.scene import (
    COMMITTED,
    FUNCTION_FOLDER,
    MASTER,
    STACK,
    Database,
    expected_database,
    instance_in,
    packaged,
    plan_for,
)
from tests.local.postgres.doors import Judge, RunningFront

CANARY = "master-pw"


class Signer:
    """Makes tokens that `Judge` believes: good for the user they name."""

    def generate_db_auth_token(self, *, DBHostname: str, Port: int, DBUsername: str) -> str:  # noqa: N803  # boto3's
        return f"{DBHostname}:{Port}/?DBUser={DBUsername}"


@pytest.fixture
def doors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningFront]:
    """A fresh instance with nothing applied, its front, and a function's environment that leads there."""
    judge = Judge(lambda token, user: token.endswith(f"DBUser={user}"))
    with instance_in(tmp_path / "state") as server, HTTPServer(host="127.0.0.1") as iam:
        iam.expect_request("/_rendio/rds-connect").respond_with_handler(judge)
        running = RunningFront(server, iam.url_for(""))
        folder = tmp_path / "package"
        shutil.copytree(FUNCTION_FOLDER / "schema_versions", folder / "schema_versions")
        (folder / "model.json").write_text(json.dumps(render_postgres_model(STACK)))
        monkeypatch.setattr(adapters, "FOLDER", folder)
        monkeypatch.setattr(access_drift, "_expected", lambda: Expected(expected_database(), buckets={}))
        monkeypatch.setattr(clients, "rds", Signer)
        monkeypatch.setattr(Secret, "value", lambda *_, **__: {"username": MASTER, "password": CANARY})
        for name, value in {
            "STACK": STACK, "DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": str(running.port), "DATABASE_NAME": "rendio",
            "DATABASE_USER": MASTER, "DATABASE_SSLMODE": "disable", "DATABASE_MASTER_SECRET_ARN": "arn:the-secret",
            "POWERTOOLS_METRICS_NAMESPACE": "Rendio", "POWERTOOLS_SERVICE_NAME": "database_admin",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        handler._adapters.cache_clear()
        yield running
        handler._adapters.cache_clear()
        running.end()


def event() -> dict[str, Any]:
    plan = plan_for(packaged())
    return {
        "stack": plan.stack, "database": plan.database, "model": plan.model, "model_digest": plan.model_digest,
        "schema_versions": dict(plan.schema_versions),
    }  # fmt: skip


def test_a_fresh_instance_is_bootstrapped_by_password_and_never_again(
    doors: RunningFront, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    first = handler.handler(event(), None)
    assert first["applied_schema_versions"] == COMMITTED
    with pytest.raises(psycopg.OperationalError, match="PAM authentication failed"):
        doors.connect(MASTER, CANARY)
    monkeypatch.setattr(Secret, "value", lambda *_, **__: pytest.fail("the password was read again"))
    assert handler.handler(event(), None) == first
    printed = capfd.readouterr()
    assert CANARY not in printed.out + printed.err


def test_a_kill_between_password_and_token_is_made_good(doors: RunningFront) -> None:
    with doors.connect(MASTER, CANARY) as connection:
        connection.execute("grant rds_iam to current_user")
    assert handler.handler(event(), None)["applied_schema_versions"] == COMMITTED


def test_an_input_of_another_package_is_refused_before_anything_is_touched(doors: RunningFront) -> None:
    other = event()
    other["model"]["policies"].pop("public.images.images_select_own")
    with pytest.raises(PlanRefused, match=r"the model's digest is another model's; the model is not the packaged one"):
        handler.handler(other, None)
    doors.connect(MASTER, CANARY).close()  # not even rds_iam was granted


def test_each_function_gets_in_as_itself_by_token_and_the_drift_check_finds_nothing(
    doors: RunningFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler.handler(event(), None)
    for role in render_postgres_model(STACK)["roles"]:
        if role != "authenticated":
            token = Signer().generate_db_auth_token(DBHostname="127.0.0.1", Port=doors.port, DBUsername=role)
            doors.connect(role, token).close()
            with pytest.raises(psycopg.OperationalError, match="PAM authentication failed"):
                doors.connect(role, token + "x")
    monkeypatch.setenv("DATABASE_USER", "rendio_local_access_drift")
    assert access_drift.handler({}, None) == {"count": 0, "drifts": []}
    token = Signer().generate_db_auth_token(DBHostname="127.0.0.1", Port=doors.port, DBUsername=MASTER)
    with doors.connect(MASTER, token) as connection:
        connection.execute("drop policy images_select_own on public.images")
    found = access_drift.handler({}, None)
    assert (found["count"], found["drifts"][0]["object"]) == (1, "public.images.images_select_own")
    handler.handler(event(), None)
    assert access_drift.handler({}, None)["count"] == 0


def test_a_failing_deployment_says_what_postgres_said(doors: RunningFront, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = event()
    key = "public.images.images_select_own"
    wrong["model"]["policies"][key] = wrong["model"]["policies"][key].replace("auth_user_id", "no_such_column")
    (adapters.FOLDER / "model.json").write_text(json.dumps(wrong["model"]))
    handler._adapters.cache_clear()
    wrong["model_digest"] = plan_for(packaged(wrong["model"])).model_digest
    with pytest.raises(
        ApplyFailed, match=r'policy public\.images\.images_select_own: column "no_such_column" does not'
    ):
        handler.handler(wrong, None)


def test_the_fixture_of_other_levels_is_this_database(database: Database) -> None:
    with database.connect("me") as connection:
        assert connection.execute("select current_user as name").fetchone() == {"name": "rendio_local_me"}


def metrics_of(capfd: pytest.CaptureFixture[str]) -> dict[str, float]:
    """The last line of metrics that was printed."""
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if '"_aws"' in line]
    return {name: value[0] for name, value in lines[-1].items() if isinstance(value, list)}


def test_what_invokes_the_admin_and_is_no_deployment_is_counted(
    doors: RunningFront, capfd: pytest.CaptureFixture[str]
) -> None:
    def counted(what: dict[str, Any], version: str, *, fails: bool = False) -> float:
        context = SimpleNamespace(aws_request_id="1", function_version=version)
        with pytest.raises(PlanRefused) if fails else nullcontext():
            handler.handler(what, context)
        metrics = metrics_of(capfd)
        assert metrics["DatabaseAdminInvocations"] == 1
        return metrics["DatabaseAdminInvocationsUnplanned"]

    assert counted(event(), "1") == 0  # the first deployment
    assert counted(event(), "2") == 0  # new code, the same model
    assert counted(event(), "2") == 1  # the same again, with nothing to do
    token = Signer().generate_db_auth_token(DBHostname="127.0.0.1", Port=doors.port, DBUsername=MASTER)
    with doors.connect(MASTER, token) as connection:
        connection.execute("drop policy images_select_own on public.images")
    assert counted(event(), "2") == 0  # the deployment is replaced, to mend what was changed by hand
    assert counted(event(), "$LATEST") == 1
    assert counted({"stack": "local"}, "2", fails=True) == 1
    other = event()
    other["model"]["policies"].pop("public.images.images_select_own")
    assert counted(other, "2", fails=True) == 1
