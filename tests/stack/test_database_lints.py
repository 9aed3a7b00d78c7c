"""The deployed database keeps the rules that tests/database/test_lints.py shows to find their violations."""

from __future__ import annotations

import pytest

from policies.model.postgres import policy_reasons
from policies.review.lints import run
from tests.stack.deployed import Deployed


@pytest.mark.plan("M20")
def test_the_deployed_database_breaks_no_lint(stack: Deployed) -> None:
    with stack.superuser() as connection:
        assert [str(finding) for finding in run(connection, policy_reasons("local"))] == []
