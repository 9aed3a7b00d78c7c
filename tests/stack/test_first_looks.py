"""What a runbook says to look at first is answered to a person on call, as the role that the command names."""

from __future__ import annotations

import pytest

from tests.drill.first_look import commands, look
from tests.runbooks import PAGES
from tests.stack.deployed import Deployed

# One page for each service of AWS that any of them asks.
ASKED = ("ACCESS-DRIFT", "CHECK-IN-FAILING", "FUNCTIONS-THROTTLED", "HEARTBEAT-MISSED", "MIGRATION-STALLED",
         "NAT-PORTS", "QUEUE-AGE", "SCHEDULE-DID-NOT-RUN", "SESSIONS-NOT-OPENED")  # fmt: skip


def services(page: str) -> set[str]:
    """Service and operation of each call of AWS under a page's first look."""
    return {" ".join(text.split()[3:5]) for _, text in commands(page) if text.startswith("aws ")}


def test_the_pages_tried_here_ask_all_that_any_first_look_asks() -> None:
    every = set().union(*(services(page.stem) for page in PAGES))
    assert every - {"rds describe-db-instances", "rds describe-events"} == set().union(*map(services, ASKED))


@pytest.mark.plan("M16")
@pytest.mark.parametrize("page", ASKED)
def test_the_first_look_answers_a_person_on_call(stack: Deployed, page: str) -> None:
    """What `make` asks is tried in test_on_call_questions.py."""
    looked = [one for one in look(stack, page, begins="aws ") if not one.untried]
    assert looked
    assert not [f"{one.command}: {one.said}" for one in looked if not one.passed]
