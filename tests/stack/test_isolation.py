"""Twenty users, each for itself: with everything on, and with one layer at a time taken away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from infra.api import ROUTES
from local.journey.client import Phone, told
from local.journey.photograph import photograph
from tests.stack.deployed import PREFIX, Deployed, side_by_side
from tests.stack.tokens import Mint

USERS = 20
GUARDED = [route for route in ROUTES if route.session]


@dataclass
class User:
    """A user with an image and a video of its own, and tokens that must not work in its name."""

    phone: Phone
    image_id: str
    photo: bytes
    job_id: str
    video: bytes
    wrong: dict[str, str]


@pytest.fixture(scope="module")
def users(stack: Deployed) -> list[User]:
    def make(number: int) -> User:
        phone, photo = stack.phone(), photograph(number, width=64, height=48)
        answer = phone.upload_direct(photo)
        assert answer.status_code == 201, told(answer)
        job_id, video = stack.new_video(phone)
        return User(phone, answer.json()["image_id"], photo, job_id, video, Mint(stack, phone.auth_user_id).wrong())

    stack.role("device_check")
    return side_by_side(USERS, make, workers=4)


def wrong_outcomes(stack: Deployed, users: list[User]) -> list[str]:
    """Each user's own, another's, and every wrong token: what did not come out as it must."""

    def of_one(number: int) -> list[str]:
        own, other = users[number], users[(number + 1) % len(users)]
        faults = []

        def expect(what: str, answer: httpx.Response, *statuses: int) -> None:
            if answer.status_code not in statuses:
                faults.append(f"user {number}, {what}: {told(answer)}")

        call = own.phone.call
        me = call("GET", "/v1/me")
        expect("own user", me, 200)
        if me.status_code == 200 and me.json()["user_id"] != own.phone.session["user_id"]:
            faults.append(f"user {number} is taken for another")
        image = call("GET", f"/v1/images/{own.image_id}")
        expect("own image", image, 200)
        if image.status_code == 200 and own.phone.download(image.json()["image_url"]).content != own.photo:
            faults.append(f"user {number} does not get its own image")
        expect("another's image", call("GET", f"/v1/images/{other.image_id}"), 404)
        video = call("GET", f"/v1/videos/{own.job_id}")
        expect("own video", video, 200)
        if video.status_code == 200 and own.phone.download(video.json()["video_url"]).content != own.video:
            faults.append(f"user {number} does not get its own video")
        listed = call("GET", "/v1/videos")
        expect("own videos", listed, 200)
        if listed.status_code == 200 and [one["job_id"] for one in listed.json()["videos"]] != [own.job_id]:
            faults.append(f"user {number} is shown other videos than its own")
        expect("another's video", call("GET", f"/v1/videos/{other.job_id}"), 404)
        expect("another's video deleted", call("DELETE", f"/v1/videos/{other.job_id}"), 404)
        image_of_other = {"model": "none", "prompt": "p", "image_id": other.image_id}
        expect("a video of another's image", call("POST", "/v1/videos", json=image_of_other), 404, 422)
        expect("no token", call("GET", f"/v1/images/{own.image_id}", token=""), 401)
        for what, token in own.wrong.items():
            expect(what, call("GET", f"/v1/images/{own.image_id}", token=token), 403)
        return faults

    return [fault for faults in side_by_side(len(users), of_one, workers=4) for fault in faults]


@pytest.mark.plan("M3", "M10")
def test_everybody_gets_own_and_nobody_anothers(stack: Deployed, users: list[User]) -> None:
    assert wrong_outcomes(stack, users) == []


@pytest.mark.plan("M10")
def test_it_stays_so_with_row_level_security_off(stack: Deployed, users: list[User]) -> None:
    with row_level_security_off(stack):
        # The scene is real: Postgres itself now shows everything.
        mine, theirs = (user.phone.session["user_id"] for user in users[:2])
        assert stack.rows.count_users(acting_for=users[0].phone.auth_user_id, user_id=theirs) == 1
        assert wrong_outcomes(stack, users) == []
    assert stack.rows.count_users(acting_for=users[0].phone.auth_user_id, user_id=theirs) == 0
    assert stack.rows.count_users(acting_for=users[0].phone.auth_user_id, user_id=mine) == 1


@pytest.mark.plan("M10")
def test_it_stays_so_with_user_storage_widened_to_every_prefix(stack: Deployed, users: list[User]) -> None:
    with user_storage_widened(stack):
        alice, bob = users[0].phone.auth_user_id, users[1].phone.auth_user_id
        s3 = stack.user_storage(alice).client("s3")
        key = stack.query("select object_key from public.images where id = %s", users[1].image_id)[0]["object_key"]
        assert bob in key
        # The scene is real: IAM alone would now give it.
        assert s3.get_object(Bucket=stack.images_bucket, Key=key)["Body"].read() == users[1].photo
        video = f"videos/{bob}/{users[1].job_id}.mp4"
        assert s3.get_object(Bucket=stack.videos_bucket, Key=video)["Body"].read() == users[1].video
        assert wrong_outcomes(stack, users) == []
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.get_object(Bucket=stack.images_bucket, Key=key)


@pytest.mark.plan("M3")
def test_without_the_authorizer_the_functions_refuse(stack: Deployed, users: list[User]) -> None:
    phone = users[0].phone
    with authorizer_removed(stack):
        for route in GUARDED:
            path = route.path.format(image_id=users[0].image_id, job_id=users[0].job_id)
            answer = phone.call(route.method, path, json={})
            assert (answer.status_code, answer.json()["code"]) == (401, "session_required"), route.key
    assert phone.call("GET", "/v1/me").status_code == 200


@pytest.mark.plan("M3")
def test_a_blocked_user_is_refused_at_once_though_its_token_is_valid(stack: Deployed) -> None:
    phone = stack.phone()
    assert phone.call("GET", "/v1/me").status_code == 200
    user = phone.session["user_id"]
    stack.query("update public.users set blocked_at = now() where id = %s returning id", user)
    try:
        for method, path in (("GET", "/v1/me"), ("POST", "/v1/images")):
            answer = phone.call(method, path, json={"content_type": "image/jpeg", "content_length": 10})
            assert (answer.status_code, answer.json()["code"]) == (403, "user_blocked")
        check_in = phone.call(
            "POST", "/v1/device-check", json={"device_id": phone.device_id, "device_token": phone.device_token()}
        )
        assert check_in.status_code == 403
    finally:
        stack.query("update public.users set blocked_at = null where id = %s returning id", user)
    assert phone.call("GET", "/v1/me").status_code == 200


@contextmanager
def row_level_security_off(stack: Deployed) -> Iterator[None]:
    tables = [
        row["name"]
        for row in stack.query(
            "select oid::regclass::text as name from pg_class where relrowsecurity and relkind in ('r', 'p')"
        )
    ]
    assert "images" in " ".join(tables)
    with stack.superuser() as connection:
        for table in tables:
            connection.execute(f"alter table {table} disable row level security".encode())
        try:
            yield
        finally:
            for table in tables:
                connection.execute(f"alter table {table} enable row level security".encode())


@contextmanager
def user_storage_widened(stack: Deployed) -> Iterator[None]:
    iam, role = stack.root("iam"), f"{PREFIX}-user-storage"
    document = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],'
        f'"Resource":["arn:aws:s3:::{stack.images_bucket}/*","arn:aws:s3:::{stack.videos_bucket}/*"]}}]}}'
    )
    iam.put_role_policy(RoleName=role, PolicyName="widened", PolicyDocument=document)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="widened")


@contextmanager
def authorizer_removed(stack: Deployed) -> Iterator[None]:
    gateway = stack.root("apigatewayv2")
    api = next(item["ApiId"] for item in gateway.get_apis()["Items"] if item["Name"] == PREFIX)
    guarded = [route for route in gateway.get_routes(ApiId=api)["Items"] if route["AuthorizationType"] == "CUSTOM"]
    assert {route["RouteKey"] for route in guarded} == {route.key for route in GUARDED}
    for route in guarded:
        gateway.update_route(ApiId=api, RouteId=route["RouteId"], AuthorizationType="NONE")
    try:
        yield
    finally:
        for route in guarded:
            gateway.update_route(
                ApiId=api, RouteId=route["RouteId"], AuthorizationType="CUSTOM", AuthorizerId=route["AuthorizerId"]
            )
