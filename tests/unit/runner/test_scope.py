"""`./rendio pulumi …` acts on the stack `local`, whatever it is given."""

from __future__ import annotations

import pytest

from local.errors import Refused
from local.scope import local_only


@pytest.mark.parametrize(
    "arguments",
    [
        ["up", "-s", "prod"],
        ["up", "-sprod"],
        ["up", "-s=prod"],
        ["preview", "--stack", "dev"],
        ["preview", "--stack=organization/rendioai/prod"],
        ["stack", "init", "prod"],
        ["stack", "select", "prod"],
        ["stack", "rm", "--yes", "prod"],
        ["--stack", "prod", "up"],
        ["login", "s3://bucket"],
        ["logout"],
        ["up", "-C", "/elsewhere"],
        ["up", "--cwd=/elsewhere"],
        ["up", "--config-file", "Pulumi.prod.yaml"],
    ],
)
def test_another_stack_folder_config_or_back_end_is_refused(arguments: list[str]) -> None:
    with pytest.raises(Refused, match="plain `pulumi`"):
        local_only(arguments)


@pytest.mark.parametrize("arguments", [["up", "-s", "local"], ["preview", "--stack=local", "--diff"], ["version"], []])
def test_the_local_stack_and_commands_without_a_stack_pass_unchanged(arguments: list[str]) -> None:
    assert local_only(arguments) == arguments


@pytest.mark.parametrize("command", ["up", "preview", "refresh", "destroy", "config", "cancel"])
def test_a_command_on_a_stack_gets_the_local_one(command: str) -> None:
    assert local_only([command]) == [command, "--stack", "local"]


def test_stack_commands_get_the_local_one_where_they_take_it_as_an_option() -> None:
    assert local_only(["stack", "output", "--json"]) == ["stack", "output", "--json", "--stack", "local"]
    assert local_only(["stack", "select", "local"]) == ["stack", "select", "local"]
