"""Children get an environment built from nothing; what is printed for shells survives any shell."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from local import environment
from local.state import State

CANARIES = {
    "AWS_ACCESS_KEY_ID": "canary",
    "AWS_SECRET_ACCESS_KEY": "canary",
    "AWS_SESSION_TOKEN": "canary",
    "AWS_PROFILE": "canary",
    "AWS_ENDPOINT_URL_S3": "https://canary.example",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "canary",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://canary.example",
    "PULUMI_ACCESS_TOKEN": "canary",
    "PULUMI_CONFIG_PASSPHRASE": "canary",
    "PYTHONSTARTUP": "canary",
    "PGPASSWORD": "canary",
    "LD_PRELOAD": "canary",
}


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    return State(tmp_path)


def test_no_child_inherits_credentials_profiles_or_endpoints(state: State) -> None:
    engine = environment.engine(state, tools=(Path("/tools"),), passphrase="p", provider_port=1)
    for given in (environment.base(state), environment.daemon(state), engine):
        assert not [value for value in given.values() if "canary" in value]
        assert given["AWS_EC2_METADATA_DISABLED"] == "true"
        assert given["AWS_CONFIG_FILE"] == given["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
        assert given["HOME"] == str(state.home)
        assert given["TMPDIR"] == str(state.temporary)
        assert not [name for name in given if name.startswith("AWS_ENDPOINT_URL")]


def test_proxies_reach_only_the_engine_and_never_loopback(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    engine = environment.engine(state, tools=(), passphrase="p", provider_port=None)
    assert engine["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert "127.0.0.1" in engine["NO_PROXY"]
    assert "HTTPS_PROXY" not in environment.daemon(state)


def test_a_provider_is_attached_only_where_one_runs(state: State) -> None:
    attached = environment.engine(state, tools=(), passphrase="p", provider_port=4711)
    alone = environment.engine(state, tools=(), passphrase="p", provider_port=None)
    assert attached["PULUMI_DEBUG_PROVIDERS"] == "aws:4711"
    assert "PULUMI_DEBUG_PROVIDERS" not in alone


@pytest.mark.parametrize("value", ["plain", "with space", "it's", 'say "x"', "$HOME `id` \\", "a\nb", "*", "", "-n"])
def test_a_shell_reads_back_exactly_the_exported_value(value: str) -> None:
    script = f'{environment.shell_exports({"RENDIO_X": value})}\nprintf %s "$RENDIO_X"'
    answer = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout == value


def test_outside_tools_get_the_local_endpoint_and_no_way_elsewhere() -> None:
    settings = environment.aws_client_settings("http://127.0.0.1:1", "k", "s")
    assert settings["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert settings["AWS_REGION"] == settings["AWS_DEFAULT_REGION"] == "us-east-1"
    assert settings["AWS_CONFIG_FILE"] == "/dev/null"
