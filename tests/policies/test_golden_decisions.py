"""The judge comes to the decisions that AWS's documentation states: golden_decisions.yaml, each with its source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.errors import PolicyError
from policies.review.iam import Principal, Request, judge, operators

ACCOUNT, FOREIGN = "111122223333", "444455556666"
PRINCIPALS = {
    "user": ("User", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/alice"),
    "role": ("AssumedRole", ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/session"),
    "stranger": ("User", FOREIGN, f"arn:aws:iam::{FOREIGN}:user/mallory"),
    "anonymous": ("Anonymous", "", ""),
}
GOLDEN: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("golden_decisions.yaml").read_text())
KEYS = {"source", "says", "version", "identity", "resource", "account", "limits", "tries"}
KEYS_OF_A_TRY = {"who", "own", "try", "with", "allowed"}


def tries() -> Iterator[Any]:
    for entry in GOLDEN:
        for number, attempt in enumerate(entry["tries"]):
            page = entry["source"].rpartition("/")[2].partition(".html")[0]
            yield pytest.param(entry, attempt, id=f"{page}: {entry['says'][:40]} {number}")


@pytest.mark.parametrize(("entry", "attempt"), tries())
def test_the_judge_decides_as_the_documentation_says(entry: dict[str, Any], attempt: dict[str, Any]) -> None:
    kind, account, arn = PRINCIPALS.get(attempt["who"], ("Service", "", ""))
    service = attempt["who"] if kind == "Service" else ""
    principal = Principal(attempt["who"], kind, account, arn, service, attempt.get("own", {}))  # type: ignore[arg-type]
    action, resource = attempt["try"]
    decision = judge(
        Request(principal, action, resource, attempt.get("with", {})),
        identity=[document(entry, entry["identity"])] if "identity" in entry else [],
        resource=document(entry, entry["resource"]) if "resource" in entry else None,
        owner=entry.get("account"),
        limits=[[document(entry, limit)] for limit in entry.get("limits", [])],
    )
    assert decision.allowed is attempt["allowed"], f"{entry['says']} ({entry['source']})"


def document(entry: dict[str, Any], statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": entry.get("version", "2012-10-17"), "Statement": statements})


def test_there_are_sixty_decisions_and_each_has_its_source_and_its_twin() -> None:
    assert sum(len(entry["tries"]) for entry in GOLDEN) >= 60
    for entry in GOLDEN:
        assert entry.keys() <= KEYS, entry["says"]
        assert entry["source"].startswith("https://docs.aws.amazon.com/")
        assert all(attempt.keys() <= KEYS_OF_A_TRY for attempt in entry["tries"])
    allowed = [attempt["allowed"] for entry in GOLDEN for attempt in entry["tries"]]
    assert min(allowed.count(True), allowed.count(False)) >= 30


def test_what_the_evaluator_would_pass_over_is_refused() -> None:
    request = Request(Principal("user", "User", ACCOUNT, PRINCIPALS["user"][2]), "s3:GetObject", "arn:aws:s3:::b/k")
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    with pytest.raises(PolicyError, match="StringMatches is no condition operator"):
        judge(request, identity=[document({}, [{**deny, "Condition": {"StringMatches": {"aws:username": "alice"}}}])])
    with pytest.raises(PolicyError, match="NotPrincipal is not judged"):
        judge(request, resource=document({}, [{**deny, "NotPrincipal": {"AWS": ACCOUNT}}]))
    assert {"stringequals", "arnlike", "null"} <= operators()
