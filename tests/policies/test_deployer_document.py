"""The pipeline's role: the commands that render its document say what the deployer may do, and it fits into a role."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from infra.config_rules import aws_regions
from infra.names import Names
from policies.model.documents import Documents
from policies.review.stacks import REPOSITORY, Stack

GUIDE = REPOSITORY / "docs" / "going-to-production.md"
ON_AWS = ("dev", "prod")
# Of all inline policies of a role together; white space is not counted (IAM User Guide, "IAM and AWS STS quotas").
INLINE_CHARACTERS = 10_240
MANAGED_CHARACTERS = 6_144


def command_for(stack: str) -> str:
    """The one command of the guide that renders the stack's document, as it stands there."""
    lines: list[str] = re.findall(
        r"^\s*(\S*python -c .*iam/deployer\.json\.j2.*)$", GUIDE.read_text(encoding="utf-8"), re.M
    )
    (found,) = (line for line in lines if f"Names('{stack}'" in line)
    return found


@pytest.mark.plan("X1")
@pytest.mark.parametrize("stack", ON_AWS)
def test_the_guides_command_renders_what_the_deployer_may_do(stack: str, models: dict[str, Stack]) -> None:
    """On `dev` buckets go with what they hold, on `prod` never."""
    told = subprocess.run(
        ["/bin/sh", "-c", command_for(stack)],
        cwd=REPOSITORY, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    model = models[stack]
    assert json.loads(told.stdout.replace("<account>", model.account)) == json.loads(
        model.document("users/deployer").text
    )


@pytest.mark.parametrize("stack", ON_AWS)
def test_the_document_fits_into_a_role_in_every_region(stack: str) -> None:
    """As an inline policy, and alone: the state's own has to be a managed one."""
    names = Names(stack, max(aws_regions(), key=len), "111111111111")
    for buckets in ([], [f"{names.prefix}-*"]):
        text = Documents(names.context()).render("iam/deployer.json.j2", buckets_that_go=buckets)
        assert MANAGED_CHARACTERS < len("".join(text.split())) < INLINE_CHARACTERS
