"""Revisions of this repository as folders: what a review compares."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from policies.errors import PolicyError
from policies.review.stacks import REPOSITORY


class RevisionError(PolicyError):
    """A revision that git does not know, or that shares no history with the other."""


def fork_point(base: str, head: str = "HEAD", *, repository: Path = REPOSITORY) -> str:
    """The commit at which `head` left `base`: what `base` won since then is no change of `head`'s.

    For the merge of a pull request into its base, as CI checks it out, that is the base itself.
    """
    commit(base, repository=repository)
    try:
        return _git(repository, "merge-base", base, head)
    except RevisionError:
        raise RevisionError(
            f"{base} and {head} share no commit here; a shallow clone lacks it (git fetch --unshallow)"
        ) from None


def commit(revision: str, *, repository: Path = REPOSITORY) -> str:
    """The full id of a revision's commit.

    Raises:
        RevisionError: there is none.
    """
    return _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")


def short(revision: str, *, repository: Path = REPOSITORY) -> str:
    return _git(repository, "rev-parse", "--short", revision)


def is_clean(*, repository: Path = REPOSITORY) -> bool:
    """Whether the working tree is the commit that is checked out."""
    return not _git(repository, "status", "--porcelain")


@contextmanager
def checkout(revision: str, *, repository: Path = REPOSITORY) -> Iterator[Path]:
    """The files of a revision in a temporary folder, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="rendio-review-") as folder:
        archive = subprocess.run(
            ["git", "archive", "--format=tar", revision], cwd=repository, capture_output=True, check=False
        )
        if archive.returncode != 0:
            raise RevisionError(f"{revision}: {archive.stderr.decode(errors='replace').strip()}")
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


def _git(repository: Path, *arguments: str) -> str:
    answer = subprocess.run(["git", *arguments], cwd=repository, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        said = answer.stderr.strip().splitlines()[:1] or [f"git knows no {arguments[-1].partition('^')[0]}"]
        raise RevisionError(said[0])
    return answer.stdout.strip()
