"""A call beyond this machine and a key that is told are found in what strace writes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from local import canary
from local.canary import Seen, shell
from local.errors import LocalError

KEY = "AKIA0123456789ABCDEF"
INET = 'connect(3<socket:[1]>, {{sa_family=AF_INET, sin_port=htons({1}), sin_addr=inet_addr("{0}")}}, 16) = -1 EAGAIN'
CURL = 'execve("/usr/bin/curl", ["curl"], 0x7ff /* 9 vars */) = 0'
INET6 = (
    "connect(3<socket:[1]>, {{sa_family=AF_INET6, sin6_port=htons({1}), sin6_flowinfo=htonl(0), "
    'inet_pton(AF_INET6, "{0}", &sin6_addr), sin6_scope_id=0}}, 28 <unfinished ...>'
)


def seen(*lines: str) -> Seen:
    return Seen(KEY).take(f"4711  {line}" for line in (CURL, *lines))


@pytest.mark.parametrize(
    "line", [INET.format("127.0.0.1", 4566), INET6.format("::1", 1), INET6.format("::ffff:127.0.0.1", 1)]
)
def test_this_machine_is_no_call_beyond_it(line: str) -> None:
    found = seen(line)
    assert (found.loopback, found.clean) == (1, True)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (INET.format("52.94.76.10", 443), "52.94.76.10:443 by curl"),
        (INET6.format("2600:1f18::1", 443), "2600:1f18::1:443 by curl"),
        (INET.format("169.254.169.254", 80), "169.254.169.254:80 by curl"),
        (
            'sendto(3<socket:[1]>, "aws", 3, 0, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.2")',
            "10.0.0.2:53 by curl",
        ),
        (
            'sendto(3<socket:[1]>, "hi", 2, 0, {sin6_port=htons(443), inet_pton(AF_INET6, "2001:4860:4860::8888"',
            "2001:4860:4860::8888:443 by curl",
        ),
    ],
)
def test_every_other_address_is(line: str, told: str) -> None:
    found = seen(line)
    assert (dict(found.elsewhere), found.clean) == ({told: 1}, False)


def test_asking_for_a_route_as_chromium_does_is_no_call() -> None:
    found = seen(INET6.format("2001:4860:4860::8888", 443))
    assert (found.loopback, found.clean) == (0, True)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f'sendto(3<socket:[1]>, "GET / Authorization: {KEY}", 99, 0, NULL, 0) = 99', "sendto by curl"),
        (f'sendto(3<socket:[1]>, "{KEY.lower()}.invalid", 99, 0, NULL, 0) = 99', "sendto by curl"),
        (f'write(4</tmp/log>, "{KEY}", 20) = 20', "write by curl"),
        (f'execve("/usr/bin/aws", ["aws", "{KEY}"], 0x7ff /* 9 vars */) = 0', "execve by aws"),
    ],
)
def test_a_key_that_is_told_is_found(line: str, told: str) -> None:
    assert dict(seen(line).leaks) == {told: 1}


def test_a_key_between_two_programs_of_a_shell_stays_at_home() -> None:
    assert seen(f'write(1<pipe:[9]>, "AWS_ACCESS_KEY_ID={KEY}", 40) = 40').clean


def test_the_shell_holds_nothing_else_of_aws(tmp_path: Path) -> None:
    found = shell(KEY, tmp_path, {"PATH": "/bin", "AWS_PROFILE": "mine", "HOME": "/home/me"})
    assert {value for name, value in found.items() if name.startswith("AWS_")} == {
        KEY,
        f"https://{KEY.lower()}.invalid",
        str(tmp_path / ".aws" / "config"),
        str(tmp_path / ".aws" / "credentials"),
    }
    assert f"[profile {KEY}]" in (tmp_path / ".aws" / "config").read_text()


def test_a_strace_that_sees_nothing_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blind = tmp_path / "strace"
    blind.write_text("#!/bin/sh\nexit 0\n")
    blind.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _name: str(blind))
    with pytest.raises(LocalError, match="cannot be watched"):
        canary.watch(["true"])
