"""What hands do: to credits, to grants, to storage, to the function that may change access."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.drill.scene import Scene
from tests.stack.deployed import PREFIX

_GIGABYTE = 10**9
_OBJECT = 50 * 10**6
_FOLDER = "thumbnails/00000000-0000-4000-8000-000000000000/"


@contextmanager
def credits_by_hand(scene: Scene) -> Iterator[None]:
    """Somebody gives a user a credit in the database, past the ledger"""
    phone = scene.phone()
    change = "update public.users set credits_remaining = credits_remaining + %s where id = %s returning id"
    scene.strikes()
    scene.stack.query(change, 1, phone.session["user_id"])
    try:
        scene.invoke("monitor-storage", {"reconcile": True})
        yield
    finally:
        scene.stack.query(change, -1, phone.session["user_id"])
        scene.invoke("monitor-storage", {"reconcile": True})


@contextmanager
def grant_by_hand(scene: Scene) -> Iterator[None]:
    """Somebody grants a function's login the devices' table"""
    login = f"{PREFIX.replace('-', '_')}_me"
    scene.strikes()
    _execute(scene, f"grant select on public.devices to {login}")
    try:
        scene.invoke("access-drift", {})
        yield
    finally:
        _execute(scene, f"revoke select on public.devices from {login}")
        scene.invoke("access-drift", {})


@contextmanager
def unplanned_change(scene: Scene) -> Iterator[None]:
    """Somebody runs database_admin by hand"""
    scene.strikes()
    scene.invoke("database-admin", {"not": "a deployment"})
    yield


@contextmanager
def budget_nearly_used(scene: Scene) -> Iterator[None]:
    """Old versions of deleted objects take 850 MB of the budget of 1 GB"""
    with _stored(scene, 0.85):
        yield


@contextmanager
def budget_used(scene: Scene) -> Iterator[None]:
    """Old versions of deleted objects take the whole budget of 1 GB"""
    with _stored(scene, 1.0):
        yield


@contextmanager
def _stored(scene: Scene, budgets: float) -> Iterator[None]:
    """Objects that are deleted and still kept, which the daily reconciliation counts."""
    s3, bucket, content = scene.aws("s3"), scene.stack.videos_bucket, bytes(_OBJECT)
    try:
        scene.strikes()
        for number in range(int(budgets * _GIGABYTE / _OBJECT)):
            s3.put_object(Bucket=bucket, Key=f"{_FOLDER}{number}.jpg", Body=content)
            s3.delete_object(Bucket=bucket, Key=f"{_FOLDER}{number}.jpg")
        scene.invoke("monitor-storage", {"reconcile": True})
        yield
    finally:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=_FOLDER):
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
        scene.invoke("monitor-storage", {"reconcile": True})


def _execute(scene: Scene, statement: str) -> None:
    with scene.stack.superuser() as connection:
        connection.execute(statement.encode())
