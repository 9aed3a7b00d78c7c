"""The video functions as Lambda calls them: built from their environment alone, on the real database."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.runtime import clients
from lambdas.runtime.video_models import MODELS
from tests.database.scene import Database as Scene
from tests.database.scene import Person
from tests.lambdas.test_handlers import Storage, session
from tests.lambdas.test_handlers import call as call
from tests.lambdas.test_handlers import handler_of as handler_of
from tests.lambdas.test_handlers import storage as storage

Call = Callable[..., tuple[int, dict[str, Any]]]


class Secrets:
    def get_secret_value(self, **_: Any) -> dict[str, Any]:
        return {"SecretString": json.dumps({"key": "id:secret"})}


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "secrets_manager", Secrets)


@pytest.mark.plan("M18")
def test_models_are_listed_as_they_are_checked(call: Call, alice: Person) -> None:
    status, answer = call("list_models", session(alice))
    assert status == 200
    assert {model["model"]: model["credits"] for model in answer["models"]} == {
        model.id: model.credits for model in MODELS.values()
    }
    assert call("list_models")[0] == 401


@pytest.mark.plan("M17", "M18")
@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"model": "x", "prompt": "p"}, 422, "invalid_field", "model"),
        ({"model": "wan-2.2", "prompt": "p"}, 402, "insufficient_credits", None),
        ({"model": "wan-2.2", "prompt": "p", "image_id": str(uuid.uuid4())}, 404, "image_not_found", None),
        ({"model": "wan-2.2", "prompt": "p", "settings": {"seed": -1}}, 422, "invalid_field", "settings.seed"),
    ],
)
def test_a_refused_order_says_why(
    call: Call, alice: Person, body: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    answered, problem = call("submit_video", session(alice), body=json.dumps(body))
    assert (answered, problem["code"], problem.get("field")) == (status, code, field)


@pytest.mark.plan("M17")
def test_a_generator_out_of_reach_is_an_outage_that_costs_nothing(call: Call, scene: Scene) -> None:
    person = scene.new_person(credits=9)
    status, problem = call("submit_video", session(person), body=json.dumps({"model": "wan-2.2", "prompt": "p"}))
    assert (status, problem["code"]) == (503, "generator_unavailable")
    assert call("me", session(person))[1]["credits_remaining"] == 9


@pytest.mark.plan("M10")
def test_videos_are_told_of_and_deleted_as_their_own_user(
    call: Call, scene: Scene, alice: Person, bob: Person, storage: Storage
) -> None:
    job = scene.new_job(alice, "migrated")
    one = {"pathParameters": {"job_id": str(job)}}
    status, video = call("view_video", session(alice), **one)
    assert (status, video["storage"]) == (200, "own")
    assert video["video_url"].endswith(f"videos/{alice.auth_user_id}/{job}.mp4")
    assert storage.tags == [{"Key": "auth_user_id", "Value": str(alice.auth_user_id)}]
    status, page = call("view_video", session(alice), queryStringParameters={"limit": "1"})
    assert (status, page["videos"][0]["job_id"], page["next_cursor"]) == (200, str(job), None)
    assert call("view_video", session(alice), queryStringParameters={"limit": "0"})[1]["field"] == "limit"
    for function in ("view_video", "delete_video"):
        status, problem = call(function, session(bob), **one)
        assert (status, problem["code"]) == (404, "video_not_found")
    assert call("delete_video", session(alice), **one) == (204, {})
    assert call("delete_video", session(alice), **one) == (204, {})
    assert storage.removed == [f"videos/{alice.auth_user_id}/{job}.mp4"]
    status, problem = call("view_video", session(alice), **one)
    assert (status, problem["code"]) == (410, "video_deleted")


@pytest.mark.plan("N3")
def test_a_call_back_needs_no_session_and_a_signature(call: Call) -> None:
    status, problem = call("fal_webhook", body="{}")
    assert (status, problem["code"]) == (401, "webhook_refused")


@pytest.mark.parametrize("function", ["list_models", "submit_video", "view_video", "delete_video"])
def test_nobody_is_served_without_a_session(call: Call, function: str) -> None:
    assert call(function)[1]["code"] == "session_required"
