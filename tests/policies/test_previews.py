"""The previews are what the program attaches now, rendered in no time and with nothing but this checkout."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from policies.errors import CheckoutError
from policies.review import previews, stacks
from policies.review.stacks import REPOSITORY, STACKS, Stack


def test_the_committed_previews_are_current(models: dict[str, Stack]) -> None:
    assert not [path for path, _ in previews.differences(list(models.values()))], "run `make policies`"


def test_a_stale_a_missing_and_a_forgotten_preview_are_each_found(models: dict[str, Stack], tmp_path: Path) -> None:
    written = list(models.values())
    assert len(previews.write(written, tmp_path)) > 100
    assert previews.write(written, tmp_path) == []
    stale, missing = tmp_path / "dev" / "settings.json", tmp_path / "prod" / "postgres.sql"
    stale.write_text(stale.read_text() + " ")
    missing.unlink()
    (tmp_path / "local" / "roles" / "gone.json").write_text("{}")
    found = ["dev/settings.json", "local/roles/gone.json", "prod/postgres.sql"]
    assert sorted(path for path, _ in previews.differences(written, tmp_path)) == found
    assert sorted(previews.write(written, tmp_path)) == found
    assert previews.write(written, tmp_path) == []


def test_all_stacks_render_within_three_seconds_and_without_credentials() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer = subprocess.run(
        [sys.executable, "-m", "policies.review.previews", "--check", "--json"],
        cwd=REPOSITORY, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (answer.returncode, json.loads(answer.stdout)) == (0, []), answer.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Processor time, which is what it takes on an idle machine; the lint is part of it.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime <= 3


def test_another_checkout_is_rendered_by_its_own_program(checkout: Path) -> None:
    template = checkout / "policies" / "iam" / "me.json.j2"
    template.write_text(template.read_text().replace('open_database("me")', 'open_database("view_image")'))
    ours, theirs = (stacks.load(["dev"], checkout=where)["dev"] for where in (REPOSITORY, checkout))
    changed = [one.name for one in theirs.documents if one.text != ours.document(one.name).text]
    assert changed == ["roles/me/access"]


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        ("policies/iam/me.json.j2", "write_own_logs(", "write_logs(", "policies/iam/me.json.j2"),
        ("policies/postgres/users.sql.j2", "for select to", "for all of", "policies/postgres/users.sql.j2"),
        ("Pulumi.dev.yaml", "cidr: 10.20.0.0/20", "cidr: 8.8.0.0/20", "Pulumi.dev.yaml: 1 problem"),
        ("infra/sessions.py", "max_session_duration=", "managed_policy_arns=['x'], max_session_duration=", "managed_"),
    ],
)
def test_what_cannot_be_rendered_or_judged_is_named(
    checkout: Path, path: str, old: str, new: str, message: str
) -> None:
    target = checkout / path
    assert old in target.read_text()
    target.write_text(target.read_text().replace(old, new))
    with pytest.raises(CheckoutError) as caught:
        stacks.load(["dev"], checkout=checkout)
    assert message in str(caught.value)


def test_every_stack_has_the_same_documents(models: dict[str, Stack]) -> None:
    assert len({tuple(document.name for document in models[stack].documents) for stack in STACKS}) == 1
