"""Runs a command in a shell full of AWS keys that are nobody's, and watches whom it calls and what it writes.

strace sees every connection and every write of the command and of all it starts, whatever library makes them. Three
things are found: an address that is not loopback, a key in an argument, a key in what is written to a file or a
socket. Linux alone has strace, so this is a command of its own and no test.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local import environment
from local.errors import LocalError
from local.state import REPOSITORY

# The first bytes of a request hold its credentials; what lies beyond these in one write is not looked at.
LOOKED_AT = 4096
TRACED = "execve,connect,sendto,sendmsg,sendmmsg,write,writev,pwrite64"
_ADDRESS = re.compile(
    r'sin6?_port=htons\((?P<port>\d+)\).*?(?:inet_addr\("(?P<v4>[^"]+)"\)|inet_pton\(AF_INET6, "(?P<v6>[^"]+)")'
)
_CALL = re.compile(r"(?P<pid>\d+) +(?P<call>\w+)\((?P<rest>.*)")
_PROGRAM = re.compile(r'"(?P<path>[^"]+)"')
# `env | sed` hands a shell's variables from one program to the next.
_PIPE = re.compile(r"\d+<(?:pipe|anon_inode):")
# Whether IPv6 has a route Chromium asks the kernel by a UDP connect to this address, which sends nothing.
_ROUTE_ASKED = ipaddress.ip_address("2001:4860:4860::8888")
# A documentation address (RFC 5737), to which nothing is ever routed: connecting by UDP sends nothing.
PROBE = (
    "import os, pathlib, socket, sys; socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9));"
    "pathlib.Path(sys.argv[1]).write_text(os.environ['AWS_ACCESS_KEY_ID'])"
)


@dataclass
class Seen:
    """What a trace held.

    Attributes:
        canary: the planted key.
        loopback: connections and datagrams to this machine.
        elsewhere: those to other addresses, `address:port by program`, with how many.
        leaks: what held the key, with how many.
    """

    canary: str
    loopback: int = 0
    elsewhere: Counter[str] = field(default_factory=Counter)
    leaks: Counter[str] = field(default_factory=Counter)
    _programs: dict[str, str] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        return not (self.elsewhere or self.leaks)

    def take(self, lines: Iterable[str]) -> Seen:
        """Take in lines as `strace -f -y` writes them."""
        for line in lines:
            match = _CALL.match(line)
            if match is not None:
                self._call(match["pid"], match["call"], match["rest"])
        return self

    def _call(self, pid: str, call: str, rest: str) -> None:
        if call == "execve":
            program = _PROGRAM.match(rest)
            self._programs[pid] = Path(program["path"]).name if program else "?"
        name = self._programs.get(pid, "a child")
        if (self.canary in rest or self.canary.lower() in rest) and not (call != "execve" and _PIPE.match(rest)):
            self.leaks[f"{call} by {name}"] += 1
        address = _ADDRESS.search(rest) if call != "execve" else None
        if address is None:
            return
        host = ipaddress.ip_address(address["v4"] or address["v6"])
        if host.is_loopback or getattr(host, "ipv4_mapped", None) == ipaddress.ip_address("127.0.0.1"):
            self.loopback += 1
        elif call != "connect" or host != _ROUTE_ASKED:
            self.elsewhere[f"{host}:{address['port']} by {name}"] += 1


def watch(command: Sequence[str]) -> tuple[int, Seen]:
    """Run a command on this terminal, watched. Returns its status and what was seen, when all it started has ended.

    Raises:
        LocalError: there is no strace, or it does not see what it must.
    """
    strace = shutil.which("strace")
    if strace is None:
        raise LocalError("The calls of a command cannot be watched.", why="There is no strace.", fix="Install strace.")
    with tempfile.TemporaryDirectory(prefix="rendio-canary-") as folder:
        home = Path(folder)
        _, probed = _traced(strace, [sys.executable, "-c", PROBE, str(home / "probe")], home)
        if not (probed.elsewhere and probed.leaks):
            raise LocalError(
                "The calls of a command cannot be watched.", why="strace missed a call and a write made on purpose."
            )
        return _traced(strace, command, home)


def shell(canary: str, home: Path, given: Mapping[str, str]) -> dict[str, str]:
    """A shell as a developer of other things on AWS has it: keys, a profile, an endpoint, all of them the canary."""
    folder = home / ".aws"
    folder.mkdir(exist_ok=True)
    for name, title in (("credentials", canary), ("config", f"profile {canary}")):
        keys = f"aws_access_key_id = {canary}\naws_secret_access_key = {canary}\nregion = us-east-1\n"
        (folder / name).write_text(f"[default]\n{keys}\n[{title}]\n{keys}")
    root = given.get("PYENV_ROOT") or str(Path.home() / ".pyenv")
    kept = {"XDG_CACHE_HOME": str(environment.cache_home(given)), "PYENV_ROOT": root}
    return {
        **given,
        **kept,
        "HOME": str(home),
        "AWS_ACCESS_KEY_ID": canary,
        "AWS_SECRET_ACCESS_KEY": canary,
        "AWS_SESSION_TOKEN": canary,
        "AWS_PROFILE": canary,
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_ENDPOINT_URL_S3": f"https://{canary.lower()}.invalid",
        "PULUMI_ACCESS_TOKEN": canary,
    }


def _traced(strace: str, command: Sequence[str], home: Path) -> tuple[int, Seen]:
    seen = Seen(f"AKIA{secrets.token_hex(8).upper()}")
    surroundings = shell(seen.canary, home, os.environ)
    reader, writer = os.pipe()
    options = ["-f", "-qq", "-y", "--seccomp-bpf", "-s", str(LOOKED_AT), "-e", f"trace={TRACED}", "-e", "signal=none"]
    process = subprocess.Popen(
        [strace, *options, "-o", f"/dev/fd/{writer}", "--", *command],
        env=surroundings,
        cwd=REPOSITORY,
        pass_fds=(writer,),
    )
    os.close(writer)
    with os.fdopen(reader, errors="replace") as trace:
        seen.take(trace)
    return process.wait(), seen
