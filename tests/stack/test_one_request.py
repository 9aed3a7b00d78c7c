"""One id, as the API's answer names it, leads to everything that the request set going."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from local import daemons
from local.insights import ask
from tests.stack.deployed import Deployed, eventually

# What tells of each part of the way: the function, and what its line says.
ORDERED = ("submit_video", "answered", "")
STORED = ("migrate_video", "video migration", "migrated")
PICTURED = ("make_thumbnail", "thumbnail", "made")
ENDED = "generation completed"


def order(stack: Deployed) -> tuple[str, str]:
    """A video asked for by a new phone: the job, and the request's id as the answer names it."""
    fal = daemons.url(stack.cloud.ports["fal"])
    outcome = {"after_ms": 300, "video_bytes": 1_000_000}
    httpx.post(f"{fal}/_control/outcomes", json=outcome, trust_env=False).raise_for_status()
    phone = stack.phone()
    model = next(model for model in phone.models() if model["image"] != "required")
    answer = phone.submit_video({"model": model["model"], "prompt": "The sea."}, key=str(uuid.uuid4()))
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job_id"]
    shown = eventually(lambda: (video := phone.video(job_id))["thumbnail_url"] and video, seconds=60)
    assert shown, phone.video(job_id)
    assert shown["storage"] == "own"
    return job_id, answer.headers["x-request-id"]


@pytest.mark.plan("M14", "M16")
def test_one_query_follows_an_order_from_the_apis_answer_to_the_stored_video(stack: Deployed) -> None:
    job_id, request_id = order(stack)

    def asked() -> list[dict[str, str]]:
        return ask(stack.root("logs"), "local", "request", identifier=request_id, hours=1)

    def way(rows: list[dict[str, str]]) -> set[tuple[str, str, str]]:
        return {(row["service"], row["message"], row.get("outcome", "")) for row in rows}

    eventually(lambda: {ORDERED, STORED, PICTURED} <= way(asked()), seconds=20)
    rows = asked()
    assert {ORDERED, STORED, PICTURED} <= way(rows), rows
    # Whoever came first, the generator's call-back or the phone's own question, saw it made and queued it once.
    [ended] = [row for row in rows if row["message"] == ENDED]
    assert ended["service"] in ("fal_webhook", "view_video")
    [stored] = [row for row in rows if (row["service"], row["message"]) == STORED[:2] and row["outcome"] == "migrated"]
    assert stored["request_id"] == ended["request_id"], "the queue's message named who sent it"
    assert {row["job_id"] for row in rows if row.get("order_request_id")} == {job_id}
    assert all(request_id in (row["request_id"], row.get("order_request_id")) for row in rows)
    # The twin: what another request set going is not among it.
    _, other = order(stack)
    assert {row["job_id"] for row in asked() if row.get("job_id")} == {job_id}
    assert other != request_id


def test_a_problem_names_the_same_id_as_its_header(stack: Deployed) -> None:
    answer = stack.phone().call("GET", f"/v1/videos/{uuid.uuid4()}")
    told: dict[str, Any] = answer.json()
    assert answer.status_code == 404
    assert answer.headers["x-request-id"] == told["request_id"] != ""
