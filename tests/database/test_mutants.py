"""Each policy does something: without it, at least one decision is another."""

from __future__ import annotations

from typing import Any

import pytest

from policies.model.postgres import render_postgres_model
from tests.database.decisions import ATTEMPTS, Attempt, outcomes, scene
from tests.database.scene import STACK, Database

POLICIES = sorted(render_postgres_model(STACK)["policies"])


@pytest.fixture(scope="module")
def rows(database: Database) -> dict[str, Any]:
    return scene(database)


@pytest.fixture(scope="module")
def whole(database: Database, rows: dict[str, Any]) -> dict[Attempt, str]:
    return outcomes(database, rows)


def test_decisions_come_out_the_same_every_time(
    database: Database, rows: dict[str, Any], whole: dict[Attempt, str]
) -> None:
    assert whole == outcomes(database, rows)
    assert {"refused", "1 rows", "2 rows"} <= set(whole.values())
    assert len(whole) == len(ATTEMPTS)


@pytest.mark.plan("M10")
@pytest.mark.parametrize("policy", POLICIES)
def test_without_this_policy_a_decision_changes(
    database: Database, rows: dict[str, Any], whole: dict[Attempt, str], policy: str
) -> None:
    schema, table, name = policy.split(".")
    with database.superuser() as connection:
        connection.execute(f'drop policy "{name}" on {schema}.{table}'.encode())
    try:
        mutant = outcomes(database, rows)
    finally:
        database.apply()
    assert [attempt for attempt in ATTEMPTS if mutant[attempt] != whole[attempt]]


def test_after_all_mutants_the_decisions_are_as_before(
    database: Database, rows: dict[str, Any], whole: dict[Attempt, str]
) -> None:
    assert outcomes(database, rows) == whole
