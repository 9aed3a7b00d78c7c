"""`make review` on a repository: what it compares, what it writes, and its exit status."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from pathlib import Path

import pytest
import yaml

from policies.review.decisions import Tries
from policies.review.review import main
from policies.review.revisions import RevisionError, checkout, fork_point
from tests.review.bad_iam import ME, me_may
from tests.review.planting import STACK, Change, copy_into

OWNER = "@access-owner"
WIDENING = Change(
    "a secret more", {ME: (me_may("secretsmanager:GetSecretValue", "{{ arn.secret(names.secret('pager')) }}"),)}
)


def git(repository: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
    answer = subprocess.run(["git", *identity, *arguments], cwd=repository, capture_output=True, text=True, check=True)
    return answer.stdout.strip()


def commit(repository: Path, message: str) -> None:
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", "-m", message)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the access model on main, whose owners are named, and a branch to change it on."""
    folder = copy_into(tmp_path / "repository")
    (folder / ".gitignore").write_text(".rendio/\n__pycache__/\n")
    (folder / "CODEOWNERS").write_text(f"/policies/approvals/ {OWNER}\n")
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "base")
    git(folder, "checkout", "--quiet", "-b", "change")
    return folder


def run(repository: Path, tries: Tries, *arguments: str) -> int:
    return main(["--stack", STACK, *arguments], repository=repository, tries=tries)


def written(repository: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((repository / ".rendio" / "review" / "review.json").read_text())
    return found


def approve(repository: Path, digest: object, who: str = OWNER) -> None:
    folder = repository / "policies" / "approvals"
    folder.mkdir(exist_ok=True)
    content = {
        "id": "PAGER-FOR-ME",
        "reason": "The test wants to be let through.",
        "who": who,
        "expiry": dt.datetime.now(dt.UTC).date() + dt.timedelta(days=7),
        "digest": digest,
    }
    (folder / "pager.yaml").write_text(yaml.safe_dump(content))


def test_a_widening_ends_with_2_until_an_owner_approves_exactly_it(
    repository: Path, tries: Tries, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(repository, tries) == 0
    assert "Nothing widens." in capsys.readouterr().out

    WIDENING.edit(repository)
    assert run(repository, tries) == 2
    said = capsys.readouterr()
    assert "secret pager" in said.out
    assert "not approved" in said.out
    assert "… rendering both revisions" in said.err
    out = repository / ".rendio" / "review"
    assert "Access widens" in (out / "comment.md").read_text()
    assert "Access widens" in (out / "access-review.html").read_text()

    approve(repository, written(repository)["digest"])
    assert run(repository, tries) == 0
    assert written(repository)["approval"] == "PAGER-FOR-ME"

    commit(repository, "change and approval")
    assert run(repository, tries, "--head", "change") == 0

    Change("more", {ME: (("secret('pager')", "secret('p*')"),)}).edit(repository)
    assert run(repository, tries) == 2, "the approval was of another change"


def test_an_author_cannot_become_an_owner_by_the_change(repository: Path, tries: Tries) -> None:
    WIDENING.edit(repository)
    assert run(repository, tries) == 2
    (repository / "CODEOWNERS").write_text("* @author\n")
    approve(repository, written(repository)["digest"], who="@author")
    assert run(repository, tries) == 2
    assert "@author, who owns no approvals" in str(written(repository)["remarks"])


def test_what_the_base_won_since_is_no_change_of_the_branch(repository: Path, tries: Tries) -> None:
    git(repository, "checkout", "--quiet", "main")
    WIDENING.edit(repository)
    commit(repository, "the base goes on")
    git(repository, "checkout", "--quiet", "change")
    assert run(repository, tries) == 0
    assert written(repository)["revoked"] == []


@pytest.mark.parametrize("arguments", [["--base", "nowhere"], ["--stack", "mars"], ["--bas"], ["--head", "nowhere"]])
def test_what_cannot_be_compared_ends_with_1_and_never_with_2(
    repository: Path, tries: Tries, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    try:
        status: object = run(repository, tries, *arguments)
    except SystemExit as stopped:
        status = stopped.code
    assert status == 1
    assert capsys.readouterr().err


def test_a_template_that_is_wrong_is_named_and_ends_with_1(
    repository: Path, tries: Tries, capsys: pytest.CaptureFixture[str]
) -> None:
    Change("a mistake", {ME: (me_may("s3:GetObject", "{{ arn.unheard_of }}"),)}).edit(repository)
    assert run(repository, tries) == 1
    assert f"{ME}:" in capsys.readouterr().err


def test_revisions_without_a_common_commit_are_refused(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "--orphan", "stranger")
    commit(repository, "no history")
    with pytest.raises(RevisionError, match="share no commit"):
        fork_point("main", "stranger", repository=repository)


def test_a_checkout_is_the_revision_and_gone_afterwards(repository: Path) -> None:
    (repository / "CODEOWNERS").write_text("changed")
    with checkout("main", repository=repository) as folder:
        assert (folder / "CODEOWNERS").read_text() == f"/policies/approvals/ {OWNER}\n"
    assert not folder.exists()
