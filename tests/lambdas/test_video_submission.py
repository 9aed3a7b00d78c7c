"""An order costs its price once, or nothing: whatever is refused, repeated, lost on the way or done at once."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from lambdas.runtime.errors import ApiError, DatabaseUnavailable, PaymentRequired, Unprocessable, UserBlocked
from lambdas.runtime.fal_calls import GeneratorMisconfigured, GeneratorUnavailable
from lambdas.runtime.generator import Fal, GenerationRefused
from lambdas.submit_video.logic import (
    IdempotencyKeyReused,
    ImageExpired,
    ImageNotFound,
    ImageNotReady,
    ImageUnusable,
    Order,
)
from lambdas.submit_video.requests import VideoRequest
from tests.database.scene import Database as Scene
from tests.database.scene import Person
from tests.lambdas.phones import Killed, claims_of
from tests.lambdas.videos import MODEL, PNG, PRICE, RESULT_DAYS, Account, Key, Service, at_once
from tests.unit.lambdas.pictures import encoded

CREDITS = 20


@pytest.fixture
def alice(scene: Scene) -> Person:
    return scene.new_person(credits=CREDITS)


def untouched(service: Service, person: Person) -> bool:
    return service.account(person) == Account(CREDITS, 0, 0, 0, 0)


def given_back(service: Service, person: Person) -> bool:
    return service.account(person) == Account(CREDITS, 0, 1, 1, 1)


@pytest.mark.plan("M17", "M18")
def test_an_order_is_paid_noted_and_handed_over(service: Service, alice: Person) -> None:
    order = service.order(alice, settings={"duration": "10"})
    assert order.as_json() == {"job_id": str(order.job_id), "status": "queued", "credits_remaining": CREDITS - 9}
    row = service.row(order.job_id)
    assert (row["status"], row["credits"], row["user_id"]) == ("queued", 9, alice.user_id)
    assert row["settings"] == {"duration": "10", "prompt_optimizer": True}
    assert service.account(alice) == Account(CREDITS - 9, -9, 1, 0, 1)
    told = service.fal.told(service.made(order.job_id))
    assert told["fields"] == ["duration", "prompt", "prompt_optimizer"]
    assert told["lifetime_seconds"] == RESULT_DAYS * 86_400
    assert told["webhook_asked"]
    assert "a canary" not in str(row), "prompts are not kept"


@pytest.mark.plan("M3", "M17")
def test_the_image_goes_to_the_generators_storage_and_lives_as_long_as_the_job(
    service: Service, scene: Scene, alice: Person
) -> None:
    image = scene.new_image(alice)
    service.storage.objects["images/x"] = PNG
    order = service.order(alice, image_id=str(image))
    assert service.row(order.job_id)["image_id"] == image
    assert "image_url" in service.fal.told(service.made(order.job_id))["fields"]
    [upload] = service.fal.control("uploads", method="GET")
    assert (upload["size"], upload["content_type"]) == (len(PNG), "image/jpeg")
    assert upload["lifetime_seconds"] == RESULT_DAYS * 86_400


@pytest.mark.plan("M3")
def test_a_photograph_that_no_model_reads_is_handed_over_as_one_that_all_do(
    service: Service, scene: Scene, alice: Person
) -> None:
    image = scene.new_image(alice)
    with scene.superuser() as connection:
        connection.execute("update public.images set content_type = 'image/heic' where id = %s", (image,))
    service.storage.objects["images/x"] = encoded("HEIF")
    order = service.order(alice, image_id=str(image))
    [upload] = service.fal.control("uploads", method="GET")
    assert upload["content_type"] == "image/jpeg"
    service.finish(order.job_id)
    [fetched] = service.fal.told(service.made(order.job_id))["images"]
    assert (fetched["fetched"], fetched["format"]) == (True, "JPEG")


@pytest.mark.plan("M3", "M10", "M17")
@pytest.mark.parametrize(
    ("which", "error"),
    [
        ("missing", ImageNotFound),
        ("foreign", ImageNotFound),
        ("pending", ImageNotReady),
        ("refused", ImageUnusable),
        ("expired", ImageExpired),
    ],
)
def test_an_image_that_cannot_be_used_costs_nothing(
    service: Service, scene: Scene, alice: Person, bob: Person, which: str, error: type[ApiError]
) -> None:
    service.storage.objects["images/x"] = PNG
    match which:
        case "missing":
            image = uuid.uuid4()
        case "foreign":
            image = scene.new_image(bob)
        case "pending":
            image = scene.new_image(alice, status="pending")
        case "refused":
            image = scene.new_image(alice)
            with scene.superuser() as connection:
                connection.execute(
                    "update public.images set status = 'refused', reason = 'truncated' where id = %s", (image,)
                )
        case _:
            image = scene.new_image(alice)
            service.storage.objects.clear()
    with pytest.raises(error) as refused:
        service.order(alice, image_id=str(image))
    assert 400 <= refused.value.status < 500
    assert untouched(service, alice)
    assert service.fal.control("requests", method="GET") == []


@pytest.mark.plan("M17")
def test_who_has_too_little_is_asked_to_pay_and_nothing_is_left_behind(service: Service, scene: Scene) -> None:
    poor, rich = scene.new_person(credits=PRICE - 1), scene.new_person(credits=PRICE)
    with pytest.raises(PaymentRequired) as refused:
        service.order(poor)
    assert (refused.value.status, refused.value.told_code) == (402, "insufficient_credits")
    assert service.account(poor) == Account(PRICE - 1, 0, 0, 0, 0)
    assert service.order(rich).credits_left == 0


def test_a_blocked_user_orders_nothing(service: Service, scene: Scene) -> None:
    blocked = scene.new_person(credits=CREDITS, blocked=True)
    with pytest.raises(UserBlocked):
        service.order(blocked)
    assert untouched(service, blocked)


class TestRepetitions:
    @pytest.mark.plan("M17")
    def test_the_same_key_and_body_is_the_same_answer(self, service: Service, alice: Person) -> None:
        first = service.order(alice, key="k", settings={"duration": "6"})
        service.finish(first.job_id)
        service.view(alice, first.job_id)
        again = service.order(alice, key="k", settings={"duration": "6"})
        assert again.as_json() == first.as_json()
        assert service.account(alice) == Account(CREDITS - PRICE, -PRICE, 1, 0, 1)
        assert service.order(alice, key="another", settings={"duration": "6"}).job_id != first.job_id

    @pytest.mark.plan("M17")
    @pytest.mark.parametrize("body", [{"prompt": "another"}, {"model": "wan-2.2"}, {"settings": {"duration": "10"}}])
    def test_another_body_is_a_conflict(self, service: Service, alice: Person, body: dict[str, Any]) -> None:
        service.order(alice, key="k")
        with pytest.raises(IdempotencyKeyReused) as conflict:
            service.order(alice, key="k", **body)
        assert conflict.value.status == 409
        assert service.account(alice).spends == 1

    @pytest.mark.plan("M10")
    def test_keys_are_each_users_own(self, service: Service, scene: Scene, alice: Person) -> None:
        other = scene.new_person(credits=CREDITS)
        assert service.order(alice, key="k").job_id != service.order(other, key="k").job_id

    @pytest.mark.plan("M17")
    @pytest.mark.parametrize("affordable", [1, 3], ids=["with-credits-for-one", "with-credits-for-three"])
    def test_twenty_at_once_are_one_order(self, service: Service, scene: Scene, affordable: int) -> None:
        person = scene.new_person(credits=affordable * PRICE)
        answers = at_once([lambda: service.order(person, key="k")] * 20)
        orders = [answer for answer in answers if isinstance(answer, Order)]
        assert len(orders) == 20, [answer for answer in answers if isinstance(answer, Exception)]
        assert {str(order.as_json()) for order in orders} == {str(orders[0].as_json())}
        assert service.account(person) == Account((affordable - 1) * PRICE, -PRICE, 1, 0, 1)
        assert len(service.fal.control("requests", method="GET")) == 1


FAULTS: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "busy": ({"status": 429}, GeneratorUnavailable),
    "overloaded": ({"status": 503}, GeneratorUnavailable),
    "own-error": ({"status": 500, "headers": {"X-Fal-Error-Type": "internal_error"}}, GeneratorUnavailable),
    "refused": ({"status": 422, "text": '{"detail": "no"}'}, GenerationRefused),
    "our-key": ({"status": 401}, GeneratorMisconfigured),
    "no-balance": ({"status": 403}, GeneratorMisconfigured),
}
LOST: dict[str, dict[str, Any]] = {
    "reset": {"kind": "reset", "after": True},
    "cut": {"kind": "cut", "status": 200, "text": '{"request_id": "x"}', "after": True},
    "gateway-error": {"status": 502, "after": True},
    "gateway-timeout": {"status": 504, "after": True},
    "no-json": {"status": 200, "text": "<html>", "after": True},
    "names-no-request": {"status": 200, "text": "{}", "after": True},
}


class TestGeneratorsTrouble:
    @pytest.mark.plan("M17")
    @pytest.mark.parametrize("fault", FAULTS)
    def test_what_it_surely_did_not_take_is_given_back_and_may_be_tried_anew(
        self, service: Service, alice: Person, fault: str
    ) -> None:
        how, error = FAULTS[fault]
        service.fal.control("faults", {"path": "/fal-ai", **how})
        with pytest.raises(error) as refused:
            service.order(alice, key="k")
        assert type(refused.value) is error
        assert given_back(service, alice)
        assert service.order(alice, key="k").new
        assert service.account(alice) == Account(CREDITS - PRICE, -PRICE, 2, 1, 2)

    @pytest.mark.plan("M17")
    def test_a_generator_that_cannot_be_reached_costs_nothing(self, service: Service, alice: Person) -> None:
        key: Any = Key("k")
        unreachable = service.submissions(generator=Fal(queue_url="http://127.0.0.1:1", key=key))
        request = VideoRequest.of({"model": MODEL, "prompt": "p"}, {})
        with pytest.raises(GeneratorUnavailable):
            unreachable.submit(claims_of(alice), request, request_id="r1")
        assert given_back(service, alice)

    @pytest.mark.plan("M15", "M17")
    @pytest.mark.parametrize("refund", ["given-back", "not-now", "settled-meanwhile"])
    def test_a_failure_is_counted_by_whoever_ends_the_job(
        self, service: Service, alice: Person, monkeypatch: pytest.MonkeyPatch, refund: str
    ) -> None:
        """When the credits cannot be given back yet, the sweep ends the job, and counts it then."""
        counted: list[str] = []
        monkeypatch.setattr("lambdas.submit_video.logic.count_failed", counted.append)
        whole = service.submissions().jobs

        class Jobs:
            def __getattr__(self, name: str) -> Any:
                return getattr(whole, name)

            def refund(self, *given: Any) -> int:
                if refund == "not-now":
                    raise DatabaseUnavailable
                return whole.refund(*given) if refund == "given-back" else 0

        service.fal.control("faults", {"path": "/fal-ai", "status": 503})
        with pytest.raises(GeneratorUnavailable):
            service.submissions(jobs=Jobs()).submit(
                claims_of(alice), VideoRequest.of({"model": MODEL, "prompt": "p"}, {}), request_id="r1"
            )
        assert counted == (["generator_unavailable"] if refund == "given-back" else [])

    @pytest.mark.plan("M17")
    def test_an_image_that_cannot_be_handed_over_costs_nothing(
        self, service: Service, scene: Scene, alice: Person
    ) -> None:
        service.storage.objects["images/x"] = PNG
        service.fal.control("faults", {"path": "/storage/upload/initiate", "status": 500})
        with pytest.raises(GeneratorUnavailable):
            service.order(alice, image_id=str(scene.new_image(alice)))
        assert given_back(service, alice)

    @pytest.mark.plan("M17")
    @pytest.mark.parametrize("fault", LOST)
    def test_a_lost_answer_leaves_the_job_in_doubt_and_its_webhook_finds_it(
        self, listened: Service, alice: Person, fault: str
    ) -> None:
        service = listened
        service.fal.control("faults", {"path": "/fal-ai", **LOST[fault]})
        order = service.order(alice, key="k")
        assert service.row(order.job_id)["status"] == "submitting"
        assert service.view(alice, order.job_id)["status"] == "queued"
        assert service.order(alice, key="k").job_id == order.job_id
        [taken] = service.fal.control("requests", method="GET")
        service.fal.control(f"requests/{taken['id']}/complete")
        assert service.row(order.job_id)["status"] == "completed"
        assert service.row(order.job_id)["generator_request_id"] == taken["id"]
        assert service.queue.sent == [order.job_id]
        assert service.account(alice) == Account(CREDITS - PRICE, -PRICE, 1, 0, 1)

    @pytest.mark.plan("M17")
    def test_an_answer_that_is_too_slow_is_not_waited_for(
        self, service: Service, alice: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lambdas.runtime.generator.HAND_OVER_SECONDS", 0.3)
        service.fal.control("faults", {"path": "/fal-ai", "kind": "pass", "delay_seconds": 1.5})
        order = service.order(alice)
        assert service.row(order.job_id)["status"] == "submitting"
        assert service.account(alice).refunds == 0


class TestKills:
    """A process that dies leaves a job that its webhook or the sweep settles, and never a second one."""

    @pytest.mark.plan("M17")
    @pytest.mark.parametrize("when", ["before-it-spends", "after-it-spends", "before-it-submits", "after-it-submits"])
    def test_a_kill_spends_at_most_once(self, listened: Service, scene: Scene, alice: Person, when: str) -> None:
        service, whole = listened, listened.submissions()
        service.storage.objects["images/x"] = encoded("JPEG")

        class Dying:
            """The jobs and the generator of a process that dies."""

            def __getattr__(self, name: str) -> Any:
                return getattr(whole.jobs, name)

            def spend(self, *order: Any, **more: Any) -> Order:
                if when == "before-it-spends":
                    raise Killed
                spent = whole.jobs.spend(*order, **more)
                if when == "after-it-spends":
                    raise Killed
                return spent

            def submit(self, path: str, arguments: dict[str, Any], **more: Any) -> str:
                if when == "before-it-submits":
                    raise Killed
                whole.generator.submit(path, arguments, **more)
                raise Killed

        body = {"model": MODEL, "prompt": "p", "image_id": str(scene.new_image(alice))}
        request = VideoRequest.of(body, {"idempotency-key": "k"})
        dying: Any = Dying()
        with pytest.raises(Killed):
            service.submissions(jobs=dying, generator=dying).submit(claims_of(alice), request, request_id="r1")
        spent = when != "before-it-spends"
        assert service.account(alice) == Account(CREDITS - spent * PRICE, -spent * PRICE, int(spent), 0, int(spent))
        order = whole.submit(claims_of(alice), request, request_id="r2")
        assert order.new is not spent
        assert service.account(alice) == Account(CREDITS - PRICE, -PRICE, 1, 0, 1)
        if when == "after-it-submits":
            [taken] = service.fal.control("requests", method="GET")
            service.fal.control(f"requests/{taken['id']}/complete")
            assert service.row(order.job_id)["status"] == "completed"
        elif spent:
            assert service.row(order.job_id)["status"] == "submitting"


def test_nothing_that_opens_a_door_is_written(
    listened: Service, alice: Person, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    service = listened
    service.storage.objects["images/x"] = encoded("JPEG")
    image = str(scene.new_image(alice))
    service.fal.control("faults", [{"path": "/fal-ai", "status": 500, "text": "canary-of-the-answer"}])
    service.order(alice, image_id=image, prompt="canary-of-the-prompt", key="canary-of-the-key")
    done = service.order(alice, image_id=image, prompt="canary-of-the-prompt").job_id
    assert service.finish(done) == [204]
    service.view(alice, done)
    written = capsys.readouterr()
    lines = written.out + written.err
    assert "generation completed" in lines
    url = service.row(done)["video_url"]
    for secret in ("canary", service.fal.key, url, url.rpartition("/files/")[2], "/files/"):
        assert secret not in lines


def test_a_wrong_order_is_refused_before_anything(service: Service, alice: Person) -> None:
    with pytest.raises(Unprocessable) as refused:
        service.order(alice, model="no such model")
    assert refused.value.field == "model"
    assert untouched(service, alice)
