"""The database goes back to an earlier moment: who was known then is known still, and loses nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from local.journey.client import Phone
from local.journey.photograph import photograph
from local.postgres.server import Server
from tests.stack.deployed import Deployed


def copy_data(server: Server, source: Path, target: Path) -> None:
    """Copy the stopped instance's data, owners and modes included."""
    server.stop()
    if target.exists():
        shutil.rmtree(target)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    server.start()


@pytest.mark.plan("M1", "M2")
def test_after_a_restore_known_devices_keep_their_identity_and_their_images_load(stack: Deployed) -> None:
    server = Server(stack.cloud.state)
    backup = server.data.with_name("backup")
    known, photo = stack.phone(), photograph(8, width=320, height=240)
    image_id = known.upload_direct(photo).json()["image_id"]
    user, identity, token = known.session["user_id"], known.auth_user_id, known.token

    copy_data(server, server.data, backup)
    later = stack.phone()
    copy_data(server, backup, server.data)
    shutil.rmtree(backup)

    # Connections of before are gone: the functions open new ones, and the phone tries again as it does after 503.
    assert known.patiently("GET", "/v1/me", token=token).json()["user_id"] == user
    again = known.check_in()
    assert (again["user_id"], again["is_new"], known.auth_user_id) == (user, False, identity)
    image = known.patiently("GET", f"/v1/images/{image_id}").json()
    assert known.download(image["image_url"]).content == photo

    # Who came after the backup is new again, and Apple's bit keeps the free credits from being granted twice.
    reborn = Phone(later.api_url, later.apple_url, device_id=later.device_id, device=later.device)
    stack.phones.append(reborn)
    answer = reborn.check_in()
    assert (answer["is_new"], answer["credits_remaining"]) == (True, 0)
    assert later.patiently("GET", "/v1/me").status_code == 403
