"""Finds what was changed by hand since the last deployment.

Resources: the engine's refresh reads each one and compares. Database: the function `access_drift` compares
roles, grants and policies with what was applied; the invocation that applied them is then replaced, since the
provider never repeats an unchanged one. What the function says of buckets is left out: the refresh says it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.accounts import PREFIX, Keys
from local.events import Change

INVOCATION = "aws:lambda/invocation:Invocation"
FUNCTION = f"{PREFIX}-access-drift"


@dataclass(frozen=True)
class Drift:
    """One thing that is not as it was deployed.

    Attributes:
        where: `s3.Bucket images` or `policy public.images.images_select_own`.
        what: which properties differ, or how.
        is_of_database: mended by applying the access model again.
    """

    where: str
    what: str
    is_of_database: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def of_resources(found: Iterable[Change]) -> list[Drift]:
    """What a refresh found changed or gone."""
    return [
        Drift(
            f"{change.short_kind} {change.name}",
            "is gone" if change.operation == "delete" else f"{', '.join(change.properties) or 'outputs'} changed",
        )
        for change in found
        if not change.kind.startswith("pulumi:")
    ]


def of_database(endpoint: str, deployer: Keys) -> list[Drift]:
    """What `access_drift` finds; nothing when it is not deployed yet. A function that cannot look is a drift too.

    A role that was altered may be the one the function itself logs in with.
    """
    client = deployer.client("lambda", endpoint, read_timeout=60)
    try:
        answer = client.invoke(FunctionName=FUNCTION, Payload=b"{}")
        payload: Any = json.loads(answer["Payload"].read())
    except client.exceptions.ResourceNotFoundException:
        return []
    except (ClientError, BotoCoreError, ValueError) as error:
        return [Drift("database", f"cannot be compared: {error}", is_of_database=True)]
    if "FunctionError" in answer or not isinstance(payload, dict) or "drifts" not in payload:
        reason = payload.get("errorMessage", "") if isinstance(payload, dict) else ""
        return [Drift("database", f"cannot be compared: {reason or 'the function failed'}", is_of_database=True)]
    return [
        _database_drift(found) for found in payload["drifts"] if not str(found.get("kind", "")).startswith("bucket ")
    ]


def invocations(resources: list[dict[str, Any]]) -> list[str]:
    """URNs of the invocations that apply the database's access model."""
    admin = f"{PREFIX}-database-admin"
    return [
        entry["urn"]
        for entry in resources
        if entry["type"] == INVOCATION and admin in str(entry.get("inputs", {}).get("functionName", ""))
    ]


def _database_drift(found: dict[str, Any]) -> Drift:
    expected, actual = found.get("expected"), found.get("actual")
    if actual is None:
        what = "is gone"
    elif expected is None:
        what = f"was added: {_short(actual)}"
    elif isinstance(expected, dict) and isinstance(actual, dict):
        differing = sorted(key for key in expected.keys() | actual.keys() if expected.get(key) != actual.get(key))
        what = ", ".join(f"{key} is {_short(actual.get(key))}, not {_short(expected.get(key))}" for key in differing)
    else:
        what = f"is {_short(actual)}, not {_short(expected)}"
    return Drift(f"database {found.get('kind', '')} {found.get('object', '')}", what, is_of_database=True)


def _short(value: object, limit: int = 160) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= limit else f"{text[:limit]}…"
