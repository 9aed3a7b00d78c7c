"""The functions' logic with their real adapters on a real Postgres, each logged in as its own role."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from lambdas.runtime import clients, observability
from lambdas.runtime.claims import Claims
from tests.database.scene import Database as Scene
from tests.database.scene import Person, database_in
from tests.lambdas.phones import Apple, claims_of
from tests.lambdas.video_world import VideoWorld, video_world
from tests.lambdas.videos import Service, listening
from tests.local.standins.conftest import FalClient
from tests.local.standins.conftest import fal as fal
from tests.local.standins.conftest import served_fal as served_fal


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with database_in(tmp_path_factory.mktemp("lambdas") / "state") as made:
        yield made


@pytest.fixture(scope="session")
def video_world_of_session(tmp_path_factory: pytest.TempPathFactory, scene: Scene) -> Iterator[VideoWorld]:
    with video_world(tmp_path_factory.mktemp("videos"), scene=scene) as world:
        yield world


@pytest.fixture
def world(video_world_of_session: VideoWorld) -> VideoWorld:
    """The local AWS and the generator's CDN beside the database, with no fault programmed and no message waiting."""
    video_world_of_session.cdn.faults.for_all.clear()
    while video_world_of_session.receive():
        pass
    return video_world_of_session


class Tokens:
    """In place of boto3's RDS client, whose login tokens this Postgres does not ask for (tests/local does)."""

    def generate_db_auth_token(self, **_: Any) -> str:
        return "token"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK", "local")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"lambdas-{uuid.uuid4()}")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Rendio")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(clients, "rds", Tokens)
    observability.log.cache_clear()


@pytest.fixture
def apple() -> Apple:
    return Apple()


@pytest.fixture
def alice(scene: Scene) -> Person:
    return scene.new_person(credits=3)


@pytest.fixture
def bob(scene: Scene) -> Person:
    return scene.new_person(credits=7)


@pytest.fixture
def alices(alice: Person) -> Claims:
    return claims_of(alice)


@pytest.fixture
def service(scene: Scene, fal: FalClient) -> Service:
    """The video functions, with a generator that nothing was submitted to. Its call-backs reach nobody."""
    return Service(scene, fal)


@pytest.fixture
def listened(service: Service) -> Iterator[Service]:
    """The same, with the webhook function listening."""
    with listening(service.webhooks) as url:
        service.webhook_url = url
        yield service
