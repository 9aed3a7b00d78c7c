"""The signing key is replaced while phones are at work: nobody is refused; what the old key signed dies with it."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local import stack_config
from tests.stack.deployed import Deployed

OLD, NEW = "2026a", "2026b"


@contextmanager
def sessions_of(keys: list[str], signing: str) -> Iterator[None]:
    """The next `up` finds these keys in the stack's config."""
    original = stack_config.effective

    def effective(committed: dict[str, Any], **more: Any) -> dict[str, Any]:
        changed = copy.deepcopy(committed)
        changed["config"]["rendio:sessions"].update(keys=keys, signing_key=signing)
        return original(changed, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack_config, "effective", effective)
        yield


class Load:
    """Phones that ask for themselves and check in, as long as the rotation takes."""

    def __init__(self, stack: Deployed) -> None:
        self._phones = [stack.phone() for _ in range(3)]
        self._over = threading.Event()
        self.asked, self.refused = 0, list[int]()
        self._threads = [threading.Thread(target=self._work, args=(phone,)) for phone in self._phones]

    def _work(self, phone: Any) -> None:
        tokens = [phone.token]
        while not self._over.wait(0.1):
            for token in tokens[-3:]:
                status = phone.call("GET", "/v1/me", token=token).status_code
                self.asked += 1
                if status in (401, 403):
                    self.refused.append(status)
            phone.check_in()
            tokens.append(phone.token)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.plan("M1")
def test_no_valid_token_is_refused_during_a_rotation_and_old_ones_die_with_the_old_key(stack: Deployed) -> None:
    before = stack.phone()
    # Never shown to the API before the old key goes, so that no cached verdict answers for it.
    kept = [before.check_in()["session_token"] for _ in range(2)]
    with Load(stack) as load:
        with sessions_of([OLD, NEW], OLD):
            stack.cloud.up()
        published = {key["kid"] for key in before.call("GET", "/.well-known/jwks.json").json()["keys"]}
        assert published == {OLD, NEW}
        with sessions_of([OLD, NEW], NEW):
            stack.cloud.up()
        after = stack.phone()
        assert after.call("GET", "/v1/me").status_code == 200
        assert before.call("GET", "/v1/me", token=kept[0]).status_code == 200
    assert load.refused == []
    assert load.asked > 20

    # The next `up` brings the committed keys back; no other test minds which key signs.
    with sessions_of([NEW], NEW):
        stack.cloud.up()
    assert before.call("GET", "/v1/me", token=kept[1]).status_code == 403
    assert after.call("GET", "/v1/me").status_code == 200
    assert before.check_in()["session_token"]
    assert before.call("GET", "/v1/me").status_code == 200
