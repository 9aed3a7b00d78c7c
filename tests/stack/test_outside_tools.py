"""What `make env` prints lets outside tools in at once: to look, not to touch."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from local import logs
from local.environment import shell_exports
from tests.stack.deployed import Deployed

AWS = Path(sys.executable).with_name("aws")


def in_a_shell(stack: Deployed, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell that evaluated the exports, and knows nothing else."""
    script = f"{shell_exports(stack.cloud.environment())}\n{command}"
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"}
    return subprocess.run(["/bin/sh", "-c", script], env=environment, capture_output=True, text=True, check=False)


def test_the_aws_command_lists_the_buckets_and_deletes_none(stack: Deployed) -> None:
    listed = in_a_shell(stack, f"{AWS} s3 ls")
    assert stack.images_bucket in listed.stdout, listed.stderr
    refused = in_a_shell(stack, f"{AWS} s3 rb s3://{stack.images_bucket} --force")
    assert "AccessDenied" in refused.stderr
    assert stack.images_bucket in in_a_shell(stack, f"{AWS} s3 ls").stdout


@pytest.mark.parametrize(
    "command",
    [
        "secretsmanager get-secret-value --secret-id rendio/local/fal",
        "sts assume-role --role-session-name auditor --role-arn arn:aws:iam::000000000000:role/rendio-local-me",
        "lambda invoke --function-name rendio-local-database-admin /dev/null",
        "iam create-access-key --user-name rendio-deployer",
    ],
)
def test_the_auditor_gets_no_secret_no_role_and_no_function(stack: Deployed, command: str) -> None:
    answer = in_a_shell(stack, f"{AWS} {command}")
    assert answer.returncode != 0
    assert "AccessDenied" in answer.stderr


def test_postgres_shows_every_row_and_changes_none(stack: Deployed) -> None:
    stack.phone()
    exported = stack.cloud.environment()
    with psycopg.connect(
        host=exported["PGHOST"],
        port=int(exported["PGPORT"]),
        dbname=exported["PGDATABASE"],
        user=exported["PGUSER"],
        password=exported["PGPASSWORD"],
        autocommit=True,
    ) as connection:
        seen = connection.execute("select count(*) from public.users").fetchone()
        assert seen is not None
        assert seen[0] >= 1
        for statement in ("delete from public.users", "create table public.x ()", "set role authenticated"):
            with pytest.raises(psycopg.Error):
                connection.execute(statement)
        # Writing may be switched on by anybody; the rights are what holds.
        connection.execute("set default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from public.users")


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not on this machine; the test above uses its library")
def test_psql_gets_in_at_once(stack: Deployed) -> None:
    answer = in_a_shell(stack, "psql -Atc 'select current_user'")
    assert answer.stdout.strip() == "rds_auditor", answer.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")
def test_curl_reaches_the_api(stack: Deployed) -> None:
    answer = in_a_shell(stack, 'curl --fail --silent --show-error "$API_URL/.well-known/jwks.json"')
    assert '"keys"' in answer.stdout, answer.stderr


def test_a_functions_log_is_shown_by_its_name(stack: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    stack.phone()
    logs.show(stack.cloud, "device_check", follow=False, lines=20)
    assert '"service":"device_check"' in capsys.readouterr().out.replace(" ", "")
    logs.show(stack.cloud, "", follow=False, lines=20)
    listed = capsys.readouterr().out
    assert "device_check" in listed
    assert "ministack" in listed
