"""The deployer and the auditor hold what their templates say, and nothing wider."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local import accounts

WRITES = ("Create", "Put", "Update", "Delete", "Modify", "Attach", "Detach", "Tag", "Untag", "Add", "Remove", "Set")


def statements(user: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(accounts.render(accounts.POLICIES[user]))["Statement"]
    return found


@pytest.mark.parametrize("user", list(accounts.POLICIES))
def test_every_action_is_named_whole(user: str) -> None:
    assert not [action for statement in statements(user) for action in statement["Action"] if "*" in action]


def test_the_auditor_changes_nothing() -> None:
    actions = [action.split(":")[1] for statement in statements(accounts.AUDITOR) for action in statement["Action"]]
    assert not [action for action in actions if action.startswith(WRITES)]
    assert "GetObject" in actions


@pytest.mark.parametrize("user", list(accounts.POLICIES))
def test_nobody_reads_secrets_assumes_roles_or_signs(user: str) -> None:
    actions = {action for statement in statements(user) for action in statement["Action"]}
    assert not actions & {"secretsmanager:GetSecretValue", "sts:AssumeRole", "kms:Sign", "iam:CreateAccessKey"}


def test_keys_are_not_shown_by_repr() -> None:
    assert "hidden" not in repr(accounts.Keys("id", "hidden"))
