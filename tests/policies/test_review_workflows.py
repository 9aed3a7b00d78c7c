"""The workflows that review pull requests: no credentials where a change's code runs, no code where credentials are."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.review.approvals import owners
from policies.review.markdown import BOUND, GITHUB_LIMIT

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"
FAKE_GH = Path(__file__).with_name("fake_gh.py")
HEAD = "a" * 40


@functools.cache
def workflow(name: str) -> dict[Any, Any]:
    content: dict[Any, Any] = yaml.safe_load((WORKFLOWS / f"{name}.yml").read_text(encoding="utf-8"))
    return content


def job(name: str) -> dict[str, Any]:
    (found,) = workflow(name)["jobs"].values()
    return dict(found)


def test_zizmor_has_nothing_to_say() -> None:
    program = str(Path(sys.executable).parent / "zizmor")
    command = [program, "--offline", "--no-progress", "--format=json", str(WORKFLOWS)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert json.loads(answer.stdout) == []
    assert answer.returncode == 0, answer.stderr


def test_where_the_changes_code_runs_there_is_nothing_to_steal() -> None:
    assert set(workflow("access-review")[True]) == {"pull_request"}, "pull_request_target would hand out a token"
    assert workflow("access-review")["permissions"] == {}
    assert job("access-review")["permissions"] == {"contents": "read"}
    text = (WORKFLOWS / "access-review.yml").read_text()
    assert "secrets." not in text
    (checkout,) = [step for step in job("access-review")["steps"] if "checkout" in step.get("uses", "")]
    assert checkout["with"]["persist-credentials"] is False


def test_where_the_token_is_nothing_of_the_change_runs() -> None:
    assert workflow("access-review-comment")["permissions"] == {}
    found = job("access-review-comment")
    assert found["permissions"] == {"actions": "read", "pull-requests": "write"}
    uses = [step["uses"].partition("@")[0] for step in found["steps"] if "uses" in step]
    assert uses == ["actions/download-artifact"]
    for step in found["steps"]:
        assert "${{" not in step.get("run", ""), "text of the event would become a part of the script"


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*.yml")), ids=lambda path: path.name)
def test_actions_are_pinned_by_commit(path: Path) -> None:
    uses = re.findall(r"uses: (\S+)", path.read_text())
    assert uses
    for action in uses:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action)


def test_approvals_and_what_judges_them_have_owners() -> None:
    assert owners(ROOT)
    text = (ROOT / ".github" / "CODEOWNERS").read_text()
    for path in ("/policies/ ", "/policies/approvals/ ", "/.github/ ", "/lambdas/database_admin/ ", "/infra/ "):
        assert path in text


@pytest.fixture
def posted(tmp_path: Path) -> Any:
    """Runs the step that comments, with a GitHub of the test's own; answers its calls that change something."""

    def run(*, pulls: list[Any], comments: Sequence[Any] = (), text: str | None = "## ✅ fine\n") -> Any:
        (step,) = [step for step in job("access-review-comment")["steps"] if "run" in step]
        (tmp_path / "review").mkdir()
        if text is not None:
            (tmp_path / "review" / "comment.md").write_text(text, encoding="utf-8")
        (tmp_path / "github.json").write_text(json.dumps({"pulls": pulls, "comments": list(comments)}))
        (tmp_path / "bin").mkdir()
        command = tmp_path / "bin" / "gh"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE_GH}" "$@"\n')
        command.chmod(0o755)
        environment = {
            "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
            "FAKE_GITHUB": str(tmp_path / "github.json"),
            "REPOSITORY": "rendioai/back-end",
            "HEAD_OWNER": "somebody",
            "HEAD_BRANCH": "main; touch hacked",
            "HEAD_SHA": HEAD,
            "CONCLUSION": "failure",
            "RUN_URL": "https://github.com/rendioai/back-end/actions/runs/1",
        }
        answer = subprocess.run(
            ["bash", "-c", step["run"]], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert not (tmp_path / "hacked").exists()
        calls = tmp_path / "calls.json"
        return answer.returncode, json.loads(calls.read_text()) if calls.exists() else []

    return run


OURS = {"number": 7, "head": {"sha": HEAD}}
ANOTHER = {"number": 8, "head": {"sha": "b" * 40}}


def test_the_comment_goes_to_the_pull_request_with_the_reviewed_commit(posted: Any) -> None:
    status, ((method, path, body),) = posted(pulls=[ANOTHER, OURS])
    assert (status, method, path) == (0, "POST", "repos/rendioai/back-end/issues/7/comments")
    assert "ended with **failure**" in body
    assert body.endswith("## ✅ fine\n")


def test_a_review_of_an_older_commit_is_not_posted(posted: Any) -> None:
    assert posted(pulls=[ANOTHER]) == (0, [])


def test_the_comment_is_renewed_and_only_the_workflows_own(posted: Any) -> None:
    mark = "<!-- access review comment -->\nbefore"
    comments = [
        {"id": 1, "user": {"login": "somebody"}, "body": mark},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "another workflow's"},
        {"id": 3, "user": {"login": "github-actions[bot]"}, "body": mark},
    ]
    status, ((method, path, _),) = posted(pulls=[OURS], comments=comments)
    assert (status, method, path) == (0, "PATCH", "repos/rendioai/back-end/issues/comments/3")


@pytest.mark.parametrize("before", ["", "x", "xx"])
def test_an_artifact_that_is_too_long_is_cut_between_characters(posted: Any, before: str) -> None:
    status, ((_, _, body),) = posted(pulls=[OURS], text=before + "…" * 100_000)
    assert status == 0
    assert BOUND * 0.3 < len(body) < GITHUB_LIMIT
    assert "\N{REPLACEMENT CHARACTER}" not in body


def test_an_artifact_without_a_comment_posts_nothing(posted: Any) -> None:
    assert posted(pulls=[OURS], text=None) == (1, [])
