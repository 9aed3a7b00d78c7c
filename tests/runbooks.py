"""The commands of the runbooks, taken apart as a shell and the AWS command line would."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "runbooks"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
_INNER = re.compile(r"\$\((aws [^()]+)\)")
_SUBSTITUTION = re.compile(r"\$\(\([^()]*\)\)|\$\([^()]*\)|(?<=\()\([^()]*\)")


@dataclass(frozen=True)
class AwsCommand:
    """One call of the AWS command line. `text` is all that was written, with the commands inside it."""

    text: str
    profile: str
    service: str
    operation: str
    words: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> AwsCommand:
        """Raises ValueError when it is none."""
        words = words_of(text)
        profile = ""
        if words[1:2] == ["--profile"]:
            profile, words = words[2], [words[0], *words[3:]]
        if len(words) < 3 or words[0] != "aws":  # aws, service, operation
            raise ValueError(f"no call of AWS: {text}")
        return cls(text, profile, words[1], words[2], tuple(words[3:]))


def commands_of(text: str) -> list[str]:
    """Lines of the shell's blocks, and commands among the words of a page."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    inline = re.findall(r"`((?:make|aws) [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    return lines + [" ".join(each.split()) for each in inline]


def inner_of(command: str) -> list[str]:
    """The calls of AWS whose answer a command takes as its own word."""
    return _INNER.findall(command)


def words_of(command: str) -> list[str]:
    """Its words, with `x` where a shell would put what another command says."""
    before = ""
    while before != command:
        before, command = command, _SUBSTITUTION.sub("x", command)
    return shlex.split(command, comments=True)


def aws_commands(page: Path) -> Iterator[AwsCommand]:
    """Every call of AWS on a page, those inside others too."""
    for command in commands_of(page.read_text(encoding="utf-8")):
        for text in (command, *inner_of(command)):
            if text.startswith("aws "):
                yield AwsCommand.parse(text)
